/** The product's mark: a bell as it stands on a desk. */
export function BellMark({ size = 24 }: { size?: number }) {
  return (
    <svg
      class="bell-mark"
      width={size}
      height={size}
      viewBox="0 0 32 32"
      aria-hidden="true"
      focusable="false"
    >
      <rect class="bell-mark-ground" width="32" height="32" rx="8" />
      <path
        class="bell-mark-bell"
        d="M6.5 21.5h19M8.5 19a7.5 7.5 0 0 1 15 0M16 11.5V9M14 9h4"
        stroke-width="2.4"
        stroke-linecap="round"
        stroke-linejoin="round"
      />
    </svg>
  );
}
