import type { Person } from "../contract.ts";

/* Limits of the desk, see identify in the protocol. */
const NAME_MAX = 100;
const EMAIL_MAX = 254;

/* What a page may say of the visitor with Desk("identify", …). */
export function parsePerson(value: unknown): Person {
  const person: Person = {};
  const part = (key: keyof Person, max: number): void => {
    const text: unknown =
      typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
    if (text === undefined) {
      return;
    }
    if (typeof text !== "string" || text.trim() === "" || [...text].length > max) {
      throw new TypeError(`Desk('identify', …): ${key} is a text of 1 to ${max} characters.`);
    }
    person[key] = text.trim();
  };
  part("name", NAME_MAX);
  part("email", EMAIL_MAX);
  if (person.email !== undefined && !/^[^\s@]+@[^\s@]+$/.test(person.email)) {
    throw new TypeError("Desk('identify', …): this is no e-mail address.");
  }
  return person;
}
