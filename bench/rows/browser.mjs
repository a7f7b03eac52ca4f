export async function browserUpload() { return {}; }
