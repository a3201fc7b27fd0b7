/*
 * Finds web addresses in what people typed.
 *
 * The result is parts to build nodes from, never markup: text stays text. Only http and https count, and only the
 * characters of RFC 3986: a Korean particle or a Chinese full stop right behind an address is not part of it.
 */

export type TextPart = { text: string; href?: string };

const ADDRESS = /https?:\/\/[\w\-.~:/?#[\]@!$&'()*+,;=%]+/gi;
const OPENING: Readonly<Record<string, string>> = { ")": "(", "]": "[" };

/* The address without the punctuation of the sentence around it. */
function trimAddress(found: string): string {
  let end = found.length;
  while (end > 0) {
    const last = found.charAt(end - 1);
    const opening = OPENING[last];
    if (opening !== undefined) {
      const inside = found.slice(0, end);
      if (inside.split(last).length <= inside.split(opening).length) {
        break;
      }
    } else if (!/[.,;:!?'*_~]/.test(last)) {
      break;
    }
    end--;
  }
  return found.slice(0, end);
}

function hrefOf(address: string): string | undefined {
  try {
    const url = new URL(address);
    return url.hostname === "" ? undefined : url.href;
  } catch {
    return undefined;
  }
}

export function splitLinks(text: string): TextPart[] {
  const parts: TextPart[] = [];
  let done = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = trimAddress(match[0]);
    const href = hrefOf(address);
    if (href === undefined) {
      continue;
    }
    if (match.index > done) {
      parts.push({ text: text.slice(done, match.index) });
    }
    parts.push({ text: address, href });
    done = match.index + address.length;
  }
  if (done < text.length) {
    parts.push({ text: text.slice(done) });
  }
  return parts;
}
