/**
 * Agents that fetch a link to draw a preview of it. They get the page or headers and never bytes of a limited share.
 * A list of our own: general bot lists also match curl, wget and headless browsers, which people use to download.
 */
const PREVIEW_AGENTS =
  /\b(?:Slackbot|Slack-ImgProxy|Twitterbot|facebookexternalhit|Facebot|WhatsApp|TelegramBot|Discordbot|LinkedInBot|Googlebot|bingbot|Applebot|SkypeUriPreview|redditbot|Pinterestbot|vkShare|Mastodon|Iframely|Embedly)\b/i;

export function isPreviewAgent(userAgent: string | undefined): boolean {
  return userAgent !== undefined && PREVIEW_AGENTS.test(userAgent.slice(0, 512));
}

/** "A GET of a share address or of `/` that accepts text/html, or a preview agent's, gets the page." */
export function isPageWanted(headers: { accept?: string | undefined; 'user-agent'?: string | undefined }): boolean {
  return acceptsHtml(headers.accept ?? '') || isPreviewAgent(headers['user-agent']);
}

/** By name: whoever takes anything (`*\/*`) wants the file. "A value of 0 means not acceptable" (RFC 9110, section 12.4.2). */
function acceptsHtml(accept: string): boolean {
  return accept.split(',').some((range) => {
    const [type, ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    return type === 'text/html' && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}
