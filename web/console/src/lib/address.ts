/* Addresses of the visitor's pages, for an agent's eyes. They come from outside: only http and https may be followed. */

/** The address when it may be a link. */
export function webAddress(address: string): string | undefined {
  const url = parse(address);
  return url?.protocol === "http:" || url?.protocol === "https:" ? url.href : undefined;
}

/** Host, path and query as people wrote them, for a narrow column. */
export function shortAddress(address: string): string {
  const url = parse(address);
  if (url === undefined || url.host === "") {
    return address;
  }
  return `${url.host}${readable(url.pathname === "/" ? "" : url.pathname)}${readable(url.search)}`;
}

/* 머그컵 rather than %EB%A8%B8%EA%B7%B8%EC%BB%B5. Letters and digits only: a sign could pretend to be another place. */
function readable(encoded: string): string {
  return encoded.replace(/(?:%[0-9a-f]{2})+/gi, (run) => {
    try {
      return [...decodeURIComponent(run)]
        .map((sign) => (/[\p{L}\p{M}\p{N}]/u.test(sign) ? sign : encodeURIComponent(sign)))
        .join("");
    } catch {
      return run;
    }
  });
}

function parse(address: string): URL | undefined {
  try {
    return new URL(address);
  } catch {
    return undefined;
  }
}
