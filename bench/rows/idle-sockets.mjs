export async function idleSockets() { return {}; }
