import type { ThreadItem } from "@deskbell/protocol/visitor";
import { beforeEach, describe, expect, it } from "vitest";
import { makeNews, type News } from "./news.state.ts";

let told: Array<[name: string, detail: unknown]> = [];
let news: News;

beforeEach(() => {
  told = [];
  news = makeNews((name, detail) => told.push([name, detail]));
});

function own(delivery: NonNullable<ThreadItem["delivery"]>, number?: number): ThreadItem {
  const item: ThreadItem = { key: "a", id: "a", author: "visitor", text: "hi", at: 1, delivery };
  return number === undefined ? item : { ...item, number };
}

const answer: ThreadItem = { key: "2", number: 2, author: "agent", text: "yes?", at: 2 };

describe("news", () => {
  it("does not tell what was there before", () => {
    news.update([own("stored", 1), answer]);
    expect(told).toEqual([]);
  });

  it("follows a message of one's own to the desk, once", () => {
    news.update([]);
    news.update([own("waiting")]);
    news.update([own("waiting")]);
    news.update([own("stored", 1)]);
    news.update([own("delivered", 1)]);
    news.update([own("read", 1)]);
    expect(told).toEqual([
      ["message:sent", { id: "a" }],
      ["message:stored", { id: "a", number: 1 }],
    ]);
  });

  it("tells of a refusal each time", () => {
    news.update([]);
    news.update([own("waiting")]);
    news.update([{ ...own("refused"), reason: "too_long" }]);
    news.update([own("waiting")]);
    news.update([{ ...own("refused"), reason: "busy" }]);
    expect(told.map(([name]) => name)).toEqual([
      "message:sent",
      "message:failed",
      "message:failed",
    ]);
    expect(told[1]?.[1]).toEqual({ id: "a", error: "too_long" });
  });

  it("tells of messages from the other side, not of lines", () => {
    news.update([]);
    news.update([
      { key: "1", number: 1, author: "system", line: "joined", text: "", at: 1 },
      answer,
    ]);
    expect(told).toEqual([["message:received", { number: 2, from: "agent", text: "yes?" }]]);
  });

  it("tells of one's own message from another tab", () => {
    news.update([]);
    news.update([own("stored", 1)]);
    expect(told).toEqual([["message:stored", { id: "a", number: 1 }]]);
  });
});
