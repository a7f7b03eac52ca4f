export async function latency() { return {}; }
