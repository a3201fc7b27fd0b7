import type { JSX } from "preact";

function Icon(props: { d: string; small?: boolean }): JSX.Element {
  return (
    <svg class={props.small ? "icon small" : "icon"} viewBox="0 0 24 24" aria-hidden="true">
      <path d={props.d} />
    </svg>
  );
}

export const CloseIcon = (): JSX.Element => <Icon d="M6.5 6.5l11 11M17.5 6.5l-11 11" />;
export const SendIcon = (): JSX.Element => <Icon d="M12 19V5.5M6 11l6-6 6 6" />;
export const DownIcon = (): JSX.Element => <Icon d="M12 5v13M6.5 13l5.5 5.5 5.5-5.5" small />;
export const ClockIcon = (): JSX.Element => (
  <Icon d="M12 4.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15ZM12 8v4.3l2.8 1.6" small />
);
export const TickIcon = (): JSX.Element => <Icon d="M5.5 12.5l4.2 4.2L18.5 8" small />;
export const TicksIcon = (): JSX.Element => (
  <Icon d="M2.5 12.5l4.2 4.2L15.5 8M11.7 16.2l.5.5L21.5 8" small />
);
export const FailedIcon = (): JSX.Element => (
  <Icon d="M12 4.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15ZM12 8.3v4.4M12 15.7h.01" small />
);
