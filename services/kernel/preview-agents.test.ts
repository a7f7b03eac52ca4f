import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { anyText, fuzz } from '../../test/support/fuzz.ts';
import { isPageWanted, isPreviewAgent } from './preview-agents.ts';

/** What they send, as their makers publish it or as servers see it. */
const PREVIEWS = [
  'Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)',
  'Slackbot 1.0 (+https://api.slack.com/robots)',
  'Slack-ImgProxy (+https://api.slack.com/robots)',
  'Twitterbot/1.0',
  'facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)',
  'Facebot',
  'WhatsApp/2.23.20.0 A',
  'TelegramBot (like TwitterBot)',
  'TelegramBot',
  'Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)',
  'LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)',
  'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)',
  'Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Googlebot/2.1; +http://www.google.com/bot.html) Chrome/140.0.0.0 Safari/537.36',
  'Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.1.1 Safari/605.1.15 (Applebot/0.1; +http://www.apple.com/go/applebot)',
  'Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5 skype-url-preview@microsoft.com',
  'Mozilla/5.0 (compatible; redditbot/1.0; +http://www.reddit.com/feedback)',
  'Mozilla/5.0 (compatible; Pinterestbot/1.0; +http://www.pinterest.com/bot.html)',
  'Mozilla/5.0 (compatible; vkShare; +http://vk.com/dev/Share)',
  'Mastodon/4.4.0 (http.rb/5.2.0; +https://mastodon.example/)',
  'Iframely/1.3.1 (+https://iframely.com/docs/about)',
  'Mozilla/5.0 (compatible; Embedly/0.2; +http://support.embed.ly/)',
];

/** What people download with, among it what lists of bots call bots. */
const PEOPLE = [
  'curl/8.14.1',
  'Wget/1.25.0',
  'aria2/1.37.0',
  'python-requests/2.32.5',
  'Go-http-client/2.0',
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/140.0.0.0 Safari/537.36',
  'Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1',
  // A browser within an app is a person's.
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [FBAN/FBIOS;FBAV/500.0]',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Slack/4.45.0 Chrome/138.0.0.0 Electron/37.0.0 Safari/537.36',
  'NotASlackbotAtAll/1.0',
  '',
];

describe('who draws a preview of a link', () => {
  it.each(PREVIEWS)('is %s, which gets the page whatever it accepts', (agent) => {
    expect(isPreviewAgent(agent)).toBe(true);
    expect(isPageWanted({ accept: '*/*', 'user-agent': agent })).toBe(true);
  });

  it.each(PEOPLE)('is not %s, which gets the page only if it asks for one', (agent) => {
    expect(isPreviewAgent(agent)).toBe(false);
    expect(isPageWanted({ accept: '*/*', 'user-agent': agent })).toBe(false);
    expect(isPageWanted({ accept: 'text/html,application/xhtml+xml;q=0.9', 'user-agent': agent })).toBe(true);
  });

  it.each([
    ['text/html', true],
    ['TEXT/HTML', true],
    ['text/html;level=1', true],
    ['application/json, text/html; q=0.1', true],
    ['text/html;q=0', false],
    ['application/json, text/html; Q=0.000', false],
    ['text/html-sandboxed', false],
    ['application/x+text/html', false],
    ['text/*', false],
    [', ;', false],
  ])('Accept: %s asks for the page: %j', (accept, isWanted) => {
    expect(isPageWanted({ accept, 'user-agent': 'curl/8.14.1' })).toBe(isWanted);
  });

  it('is told by any Accept in which text/html stands as a range of its own, and by no other', async () => {
    const part = fc.oneof(
      anyText(6),
      fc.constantFrom('text/html', 'TEXT/HTML', 'text/htm', 'text/html;q=0', 'text/html;q=0.5', ';', '*/*'),
    );
    await fuzz(
      'Accept',
      fc.property(fc.array(part, { maxLength: 5 }), (parts) => {
        const accept = parts.join(',');
        const isWanted = isPageWanted({ accept, 'user-agent': 'curl' });
        if (isWanted) assert.match(accept, /text\/html/i);
        const isPlain = (range: string) => ['text/html', 'text/html;q=0.5'].includes(range.toLowerCase());
        if (parts.some(isPlain)) assert(isWanted);
      }),
    );
  });

  it('is not told by what stands behind 512 characters, nor by nothing', () => {
    expect(isPreviewAgent(`${' '.repeat(503)}WhatsApp`)).toBe(true);
    expect(isPreviewAgent(`${' '.repeat(512)}WhatsApp`)).toBe(false);
    expect(isPreviewAgent(undefined)).toBe(false);
    expect(isPageWanted({})).toBe(false);
  });
});
