import { later } from '../lib/later.ts';

export const qrSheet = later(async () => (await import('./QrSheet.tsx')).QrSheet);
