/* The icons: 16 × 16, one stroke, drawn for this console. They are decoration; what holds one carries the name. */

const SHAPES = {
  back: "M10 3 5 8l5 5",
  forward: "m6 3 5 5-5 5",
  close: "m4 4 8 8M12 4l-8 8",
  check: "m3 8.5 3.2 3.2L13 4.8",
  checks: "m1.5 8.7 2.8 2.8 6-6.4M7.2 10.9l.6.6 6.2-6.6",
  clock: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM8 4.8V8l2.2 1.6",
  warn: "M8 2.2 14.2 13H1.8L8 2.2ZM8 6.4v3M8 11.3v.1",
  send: "M8 13V3.4M3.8 7.4 8 3.2l4.2 4.2",
  take: "M8 2v7.5M4.7 6.5 8 9.8l3.3-3.3M2.5 10.5v2.2c0 .5.4.8.8.8h9.4c.4 0 .8-.3.8-.8v-2.2",
  handover:
    "M2.5 13.2c.2-2.5 1.8-4 4-4 .7 0 1.3.1 1.8.4M6.5 7a2.4 2.4 0 1 0 0-4.8 2.4 2.4 0 0 0 0 4.8ZM9.5 11.5h5M12.3 9.2l2.3 2.3-2.3 2.3",
  archive: "M2.5 3h11v3h-11zM3.5 6v6.2c0 .5.3.8.8.8h7.4c.5 0 .8-.3.8-.8V6M6.5 8.6h3",
  reopen: "M3 8a5 5 0 1 0 1.6-3.7M3 2.6v2.6h2.6",
  facts: "M2.5 3.2h11v9.6h-11zM9.8 3.2v9.6",
  people:
    "M1.8 13c.2-2.4 1.8-3.8 4-3.8s3.8 1.4 4 3.8M5.8 7.4a2.3 2.3 0 1 0 0-4.6 2.3 2.3 0 0 0 0 4.6ZM10.6 2.9a2.3 2.3 0 0 1 0 4.4M12 9.6c1.3.5 2.1 1.7 2.2 3.4",
  plus: "M8 3v10M3 8h10",
  key: "M5.2 13a2.9 2.9 0 1 0 0-5.8 2.9 2.9 0 0 0 0 5.8ZM7.3 8 13 2.4M10.2 5.1l1.9 1.9",
  trash: "M3 4.2h10M6.2 4V2.6h3.6V4M4.2 4.4l.6 8.4c0 .4.4.7.8.7h4.8c.4 0 .8-.3.8-.7l.6-8.4",
  leave: "M6.2 13.2H3.3c-.4 0-.8-.3-.8-.8V3.6c0-.5.4-.8.8-.8h2.9M6 8h7.5M10.7 5.2 13.5 8l-2.8 2.8",
  screen: "M2.2 3h11.6v7.6H2.2zM5.6 13.4h4.8M8 10.8v2.4",
  phone:
    "M5 1.8h6c.4 0 .8.4.8.8v10.8c0 .4-.4.8-.8.8H5c-.4 0-.8-.4-.8-.8V2.6c0-.4.4-.8.8-.8ZM7.2 12.2h1.6",
  sun: "M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6ZM8 1.6v1M8 13.4v1M1.6 8h1M13.4 8h1M3.5 3.5l.7.7M11.8 11.8l.7.7M12.5 3.5l-.7.7M4.2 11.8l-.7.7",
  sound:
    "M2.4 6.2v3.6h2.3L8 12.4V3.6L4.7 6.2H2.4ZM10.4 6a2.8 2.8 0 0 1 0 4M12.2 4.2a5.3 5.3 0 0 1 0 7.6",
  muted: "M2.4 6.2v3.6h2.3L8 12.4V3.6L4.7 6.2H2.4ZM10.6 6.2l3.6 3.6M14.2 6.2l-3.6 3.6",
  keyboard: "M1.8 4h12.4v8H1.8zM4.4 6.6v.1M6.8 6.6v.1M9.2 6.6v.1M11.6 6.6v.1M5 9.6h6",
  globe:
    "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM2.2 8h11.6M8 2c3.4 3.6 3.4 8.4 0 12M8 2C4.6 5.6 4.6 10.4 8 14",
  bell: "M8 2.2a3.8 3.8 0 0 0-3.8 3.8c0 3.6-1.5 4.8-1.5 4.8h10.6s-1.5-1.2-1.5-4.8A3.8 3.8 0 0 0 8 2.2ZM6.7 13.2a1.5 1.5 0 0 0 2.6 0",
  link: "M6.8 9.2a2.5 2.5 0 0 0 3.6 0l2.2-2.2a2.5 2.5 0 0 0-3.6-3.6l-.8.8M9.2 6.8a2.5 2.5 0 0 0-3.6 0L3.4 9a2.5 2.5 0 0 0 3.6 3.6l.8-.8",
  mail: "M2 3.6h12v8.8H2zM2.3 4.2 8 8.8l5.7-4.6",
  more: "M3.5 8h.1M8 8h.1M12.5 8h.1",
  person:
    "M3 13.4c.2-2.7 2.2-4.2 5-4.2s4.8 1.5 5 4.2M8 7.2a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2Z",
  down: "M8 3v9.6M3.8 8.6 8 12.8l4.2-4.2",
  open: "M9.4 2.8h3.8v3.8M13 3 7.6 8.4M11.6 9.4v3c0 .4-.4.8-.8.8H3.6c-.4 0-.8-.4-.8-.8V5.2c0-.4.4-.8.8-.8h3",
} as const;

export type IconName = keyof typeof SHAPES;

/* These show a direction of reading. */
const MIRRORED: ReadonlySet<IconName> = new Set(["back", "forward", "handover", "leave", "facts"]);

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg
      class={MIRRORED.has(name) ? "icon icon-mirrored" : "icon"}
      width={size}
      height={size}
      viewBox="0 0 16 16"
      aria-hidden="true"
      focusable="false"
    >
      <path d={SHAPES[name]} />
    </svg>
  );
}
