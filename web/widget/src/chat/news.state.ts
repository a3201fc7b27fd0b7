/*
 * What has happened to the messages between two pictures of the conversation, in the words of Desk("on", …).
 */

import type { Delivery, ThreadItem } from "@deskbell/protocol/visitor";
import type { Emit } from "../contract.ts";

export interface News {
  /* Tells what is new; the first picture is not news. */
  update(items: readonly ThreadItem[]): void;
}

export function makeNews(emit: Emit): News {
  let known: Map<string, Delivery | undefined> | undefined;

  function tell(item: ThreadItem, before: Delivery | undefined, isNew: boolean): void {
    const { author, delivery, id, number, text } = item;
    if (author === "visitor" && id !== undefined) {
      if (isNew && delivery === "waiting") {
        emit("message:sent", { id });
      } else if (delivery === "refused" && before !== "refused") {
        emit("message:failed", { id, error: item.reason ?? "internal" });
      } else if (number !== undefined && (isNew || before === "waiting" || before === "refused")) {
        emit("message:stored", { id, number });
      }
    } else if (isNew && number !== undefined && (author === "agent" || author === "site")) {
      emit("message:received", { number, from: author, text });
    }
  }

  return {
    update(items) {
      const before = known;
      known = new Map(items.map((item) => [item.key, item.delivery]));
      if (before) {
        for (const item of items) {
          tell(item, before.get(item.key), !before.has(item.key));
        }
      }
    },
  };
}
