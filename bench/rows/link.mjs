export async function link() { return {}; }
