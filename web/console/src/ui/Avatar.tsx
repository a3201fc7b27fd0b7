import { initials, tintOf } from "../lib/names.ts";
import { Icon } from "./Icon.tsx";

export type Presence = "online" | "away" | "offline";

interface AvatarProps {
  name: string;
  /** The same key gives the same tint. */
  of: string | number;
  size?: "small" | "medium" | "large";
  presence?: Presence;
}

/** A decoration beside a name: readers skip it. */
export function Avatar({ name, of, size = "medium", presence }: AvatarProps) {
  const letters = initials(name);
  const shown = size === "small" ? (letters[0] ?? "") : letters;
  return (
    <span
      class={`avatar avatar-${size} avatar-tint-${tintOf(of)}`}
      data-letters={shown}
      aria-hidden="true"
    >
      {shown === "" && <Icon name="person" size={size === "small" ? 12 : 16} />}
      {presence !== undefined && <PresenceDot presence={presence} />}
    </span>
  );
}

export function PresenceDot({ presence }: { presence: Presence }) {
  return <span class={`presence presence-${presence}`} aria-hidden="true" />;
}
