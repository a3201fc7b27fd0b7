/*
 * What a key means. Pure, so that the rules can be read and tested in one place:
 * letters act only while nobody is writing, nothing acts while an input method composes or a dialog is open,
 * and combinations with Ctrl, Alt or Command belong to the browser. On a keyboard without Latin letters the
 * place of the key counts: ㅜ and т are where n is.
 */
import type { View } from "../desk/types.ts";

export type KeyAction =
  | { do: "move"; by: 1 | -1 }
  | { do: "view"; view: View }
  | {
      do:
        | "open"
        | "reply"
        | "leaveReply"
        | "take"
        | "takeNext"
        | "close"
        | "handOver"
        | "facts"
        | "help";
    };

export interface KeyPress {
  key: string;
  code: string;
  keyCode: number;
  isComposing: boolean;
  ctrlKey: boolean;
  altKey: boolean;
  metaKey: boolean;
  shiftKey: boolean;
}

export interface KeyPlace {
  /** In a field. */
  writing: boolean;
  /** In the field of the answer. */
  answering: boolean;
  /** On a row of the list. */
  inList: boolean;
  /** A dialog or a menu is open. */
  blocked: boolean;
  /** The agent wants letters to act. */
  letters: boolean;
}

const COMPOSING = 229;
const FOREIGN_LETTER = /^(?!\p{Script=Latin})\p{L}$/u;

const LETTERS: Readonly<Record<string, KeyAction>> = {
  j: { do: "move", by: 1 },
  k: { do: "move", by: -1 },
  o: { do: "open" },
  r: { do: "reply" },
  t: { do: "take" },
  n: { do: "takeNext" },
  e: { do: "close" },
  h: { do: "handOver" },
  i: { do: "facts" },
  1: { do: "view", view: "mine" },
  2: { do: "view", view: "unassigned" },
  3: { do: "view", view: "all" },
  4: { do: "view", view: "closed" },
  "?": { do: "help" },
};

function letterOf({ key, code }: KeyPress): string {
  const place = /^Key([A-Z])$/.exec(code)?.[1];
  return place !== undefined && FOREIGN_LETTER.test(key) ? place.toLowerCase() : key;
}

export function actionOf(press: KeyPress, place: KeyPlace): KeyAction | undefined {
  const composing = press.isComposing || press.keyCode === COMPOSING;
  if (composing || place.blocked || press.ctrlKey || press.altKey || press.metaKey) {
    return undefined;
  }
  if (place.answering && press.key === "Escape") {
    return { do: "leaveReply" };
  }
  if (place.writing) {
    return undefined;
  }
  if (place.inList && press.key === "ArrowDown") {
    return { do: "move", by: 1 };
  }
  if (place.inList && press.key === "ArrowUp") {
    return { do: "move", by: -1 };
  }
  if (!place.letters) {
    return undefined;
  }
  // With Shift, a letter is meant as a letter; the question mark needs it on most keyboards.
  return press.shiftKey && press.key !== "?" ? undefined : LETTERS[letterOf(press)];
}
