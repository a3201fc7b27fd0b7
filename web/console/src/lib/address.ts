/* Addresses of the visitor's pages, for an agent's eyes. They come from outside: only http and https may be followed. */

/** The address when it may be a link. */
export function webAddress(address: string): string | undefined {
  const url = parse(address);
  return url?.protocol === "http:" || url?.protocol === "https:" ? url.href : undefined;
}

/** Host, path and query, for a narrow column. */
export function shortAddress(address: string): string {
  const url = parse(address);
  if (url === undefined || url.host === "") {
    return address;
  }
  return `${url.host}${url.pathname === "/" ? "" : url.pathname}${url.search}`;
}

function parse(address: string): URL | undefined {
  try {
    return new URL(address);
  } catch {
    return undefined;
  }
}
