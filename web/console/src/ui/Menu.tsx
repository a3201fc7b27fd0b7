import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Icon, type IconName } from "./Icon.tsx";

interface MenuProps {
  label: string;
  class?: string;
  onClose: () => void;
  children: ComponentChildren;
}

const ITEMS = '[role="menuitem"], [role="menuitemradio"], [role="menuitemcheckbox"]';

/**
 * An open menu. Takes the focus, moves it by arrows, Home and End, and closes on Escape, Tab or a press
 * elsewhere. The button that opened it gets the focus back.
 */
export function Menu({ label, class: extra, onClose, children }: MenuProps) {
  const element = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const opener = document.activeElement;
    items(element.current)[0]?.focus();
    const onPress = (event: Event): void => {
      const target = event.target instanceof Node ? event.target : null;
      if (!element.current?.contains(target) && !opener?.contains(target)) {
        onClose();
      }
    };
    document.addEventListener("pointerdown", onPress);
    return () => {
      document.removeEventListener("pointerdown", onPress);
      if (
        opener instanceof HTMLElement &&
        (document.activeElement === document.body || document.activeElement === null)
      ) {
        opener.focus();
      }
    };
  }, []);

  const onKeyDown = (event: KeyboardEvent): void => {
    const all = items(element.current);
    const at = all.findIndex((item) => item.matches(":focus"));
    const to = nextIndex(event.key, at, all.length);
    if (to !== undefined) {
      event.preventDefault();
      all[to]?.focus();
    } else if (event.key === "Escape" || event.key === "Tab") {
      event.preventDefault();
      onClose();
    }
    event.stopPropagation();
  };

  return (
    <div
      class={`menu ${extra ?? ""}`}
      role="menu"
      aria-label={label}
      tabIndex={-1}
      ref={element}
      onKeyDown={onKeyDown}
    >
      {children}
    </div>
  );
}

function items(menu: HTMLElement | null): HTMLElement[] {
  return menu === null ? [] : [...menu.querySelectorAll<HTMLElement>(ITEMS)];
}

/** Where a key leads in a ring of `count` items; undefined when the key is not for moving. */
export function nextIndex(key: string, at: number, count: number): number | undefined {
  if (count === 0) {
    return undefined;
  }
  switch (key) {
    case "ArrowDown":
      return (at + 1) % count;
    case "ArrowUp":
      return (at <= 0 ? count : at) - 1;
    case "Home":
      return 0;
    case "End":
      return count - 1;
    default:
      return undefined;
  }
}

interface MenuItemProps {
  icon?: IconName;
  /** For a choice of several: whether it is the chosen one. */
  checked?: boolean;
  onPick: () => void;
  children: ComponentChildren;
}

export function MenuItem({ icon, checked, onPick, children }: MenuItemProps) {
  const inside = (
    <>
      {icon !== undefined && <Icon name={icon} />}
      {children}
    </>
  );
  const shared = { class: "menu-item", tabIndex: -1, onClick: onPick };
  return checked === undefined ? (
    <button type="button" role="menuitem" {...shared}>
      {inside}
    </button>
  ) : (
    <button type="button" role="menuitemradio" aria-checked={checked} {...shared}>
      {inside}
    </button>
  );
}
