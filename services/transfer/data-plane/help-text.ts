/** What curl shows of `/`. */
export function helpText(origin: string): string {
  return `PeerLink: send files, get a link at once.

Send a file:             curl -T photo.jpg ${origin}/
Send what a program says: tar c folder | curl -T - ${origin}/folder.tar
Two downloads, one week: curl -H "Max-Downloads: 2" -H "Max-Days: 7" -T photo.jpg ${origin}/
The answer is the link; X-Url-Delete in its head is an address that DELETE ends it with.

Get a file:              curl -OJL LINK
Go on where it stopped:  curl -L -C - -o FILE LINK
With a password:         curl -OJL -u :PASSWORD LINK
Check it:                b3sum FILE    (X-Blake3 in the head of every download)

In a browser: ${origin}/
`;
}
