import { signal } from "@preact/signals";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Person } from "../../contract.ts";
import { type ContactState, makeContact } from "./contact.state.ts";

const identify = vi.fn(async (_: Person) => true);
let online = signal(false);
let hasWritten = signal(true);
let email = signal<string | undefined>(undefined);
let contact: ContactState;

beforeEach(() => {
  identify.mockReset().mockResolvedValue(true);
  online = signal(false);
  hasWritten = signal(true);
  email = signal(undefined);
  contact = makeContact({ online, hasWritten, email }, identify);
});

describe("asking", () => {
  it("begins when something was written and nobody is there", () => {
    expect(contact.step.value).toBe("asking");
  });

  it("waits for the visitor's first message", () => {
    hasWritten.value = false;
    expect(contact.step.value).toBe("hidden");
  });

  it("ends when somebody comes", () => {
    online.value = true;
    expect(contact.step.value).toBe("hidden");
  });

  it("does not ask who is known", () => {
    email.value = "a@b.example";
    expect(contact.step.value).toBe("hidden");
  });

  it("does not ask again after 'not now'", () => {
    contact.skip();
    online.value = true;
    online.value = false;
    expect(contact.step.value).toBe("hidden");
  });
});

describe("saving", () => {
  it("gives both, trimmed, and thanks even after the address is known", async () => {
    await contact.save(" Mina ", " mina@shop.example ");
    expect(identify).toHaveBeenCalledExactlyOnceWith({ name: "Mina", email: "mina@shop.example" });
    email.value = "mina@shop.example";
    expect(contact.step.value).toBe("done");
  });

  it("leaves out an empty name and cuts a long one", async () => {
    await contact.save(" ", "a@b.example");
    expect(identify).toHaveBeenLastCalledWith({ email: "a@b.example" });
    await contact.save("가".repeat(101), "a@b.example");
    expect(identify).toHaveBeenLastCalledWith({ name: "가".repeat(100), email: "a@b.example" });
  });

  it.each([
    "",
    "mina",
    "mina@",
    "@b.example",
    "a b@c.example",
    "a@b",
    "a@b.",
    `${"a".repeat(250)}@b.example`,
  ])("refuses %j", async (address) => {
    await contact.save("", address);
    expect(identify).not.toHaveBeenCalled();
    expect(contact.problem.value).toBe("wrong");
    expect(contact.step.value).toBe("asking");
  });

  it("says when the desk could not be told, and asks on", async () => {
    identify.mockResolvedValue(false);
    await contact.save("", "a@b.example");
    expect(contact.problem.value).toBe("failed");
    expect(contact.step.value).toBe("asking");
    identify.mockResolvedValue(true);
    await contact.save("", "a@b.example");
    expect(contact.step.value).toBe("done");
  });
});
