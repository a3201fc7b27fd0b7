/*
 * Reads a User-Agent field as a person would: which browser, on what. Only for an agent's eyes; nothing
 * depends on it. The order matters, since every browser names those it descends from.
 */

export interface Browser {
  name: string;
  system: string;
  /** A phone or a tablet. */
  mobile: boolean;
}

const BROWSERS: ReadonlyArray<readonly [RegExp, string]> = [
  [/\bKAKAOTALK[ /]?(\d+)?/i, "KakaoTalk"],
  [/\bMicroMessenger\/(\d+)/, "WeChat"],
  [/\bNAVER\(inapp.*?\b(\d+)/, "Naver"],
  [/\b(?:FBAN|FBAV)\/[\w.]*?(\d+)?/, "Facebook"],
  [/\bInstagram (\d+)/, "Instagram"],
  [/\bWhale\/(\d+)/, "Whale"],
  [/\bSamsungBrowser\/(\d+)/, "Samsung Internet"],
  [/\bEdg(?:e|A|iOS)?\/(\d+)/, "Edge"],
  [/\bOPR\/(\d+)/, "Opera"],
  [/\bYaBrowser\/(\d+)/, "Yandex"],
  [/\bVivaldi\/(\d+)/, "Vivaldi"],
  [/\bQQBrowser\/(\d+)/, "QQ Browser"],
  [/\bUCBrowser\/(\d+)/, "UC Browser"],
  [/\b(?:Firefox|FxiOS)\/(\d+)/, "Firefox"],
  [/\b(?:Chrome|CriOS|HeadlessChrome)\/(\d+)/, "Chrome"],
  [/\bVersion\/(\d+)[\d.]* .*\bSafari\//, "Safari"],
];

const SYSTEMS: ReadonlyArray<readonly [RegExp, string]> = [
  [/\biPhone\b/, "iPhone"],
  [/\biPad\b/, "iPad"],
  [/\bAndroid\b/, "Android"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bWindows\b/, "Windows"],
  [/\bMac OS X\b|\bMacintosh\b/, "macOS"],
  [/\bLinux\b|\bX11\b/, "Linux"],
];

/** Undefined when nothing in the field is known. */
export function readBrowser(userAgent: string): Browser | undefined {
  let name = "";
  for (const [pattern, label] of BROWSERS) {
    const match = pattern.exec(userAgent);
    if (match !== null) {
      name = match[1] === undefined ? label : `${label} ${match[1]}`;
      break;
    }
  }
  const system = SYSTEMS.find(([pattern]) => pattern.test(userAgent))?.[1] ?? "";
  if (name === "" && system === "") {
    return undefined;
  }
  return { name, system, mobile: /\bMobi|iPad|Android/.test(userAgent) };
}
