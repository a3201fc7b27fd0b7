/**
 * Checks of what comes from outside. Each is a type guard; together with the generated tables in
 * gen/ they turn unknown JSON into the types of the protocol, which the compiler proves to match.
 *
 * Unknown fields are ignored, so that a desk may add some without breaking pages that still run an
 * older script. Texts are held to twice their limit of characters in UTF-16 units, which is cheap
 * and enough here: the desk has counted them.
 */
export type Check<T> = (value: unknown) => value is T;

type Predicate = (value: unknown) => boolean;
type Predicates = Readonly<Record<string, Predicate>>;

type OptionalKey<T> = { [K in keyof T]-?: object extends Pick<T, K> ? K : never }[keyof T];
type Required_<T> = { readonly [K in Exclude<keyof T, OptionalKey<T>>]: Check<T[K]> };
type Optional_<T> = { readonly [K in OptionalKey<T>]-?: Check<Exclude<T[K], undefined>> };
type Body<T> = Omit<T, "type" | "ref">;

const ID = /^[0-9a-f]{32}$/;
const SECRET = /^[0-9a-f]{64}$/;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;

export const isBool = (value: unknown): value is boolean => typeof value === "boolean";

export const isId = (value: unknown): value is string =>
  typeof value === "string" && ID.test(value);

export const isSecret = (value: unknown): value is string =>
  typeof value === "string" && SECRET.test(value);

export const int =
  (min: number, max = Number.MAX_SAFE_INTEGER): Check<number> =>
  (value): value is number =>
    typeof value === "number" && Number.isInteger(value) && value >= min && value <= max;

export const isTime = /* @__PURE__ */ int(0);

export const text =
  (maxChars: number): Check<string> =>
  (value): value is string =>
    typeof value === "string" && value.length <= maxChars * 2;

export const oneOf =
  <T extends string>(...values: readonly T[]): Check<T> =>
  (value): value is T =>
    values.some((one) => one === value);

export const list =
  <T>(check: Check<T>, max: number): Check<readonly T[]> =>
  (value): value is readonly T[] =>
    Array.isArray(value) && value.length <= max && value.every(check);

function holds(
  value: Record<string, unknown>,
  required: Predicates,
  optional: Predicates,
): boolean {
  return (
    Object.entries(required).every(([name, check]) => check(value[name])) &&
    Object.entries(optional).every(
      ([name, check]) => value[name] === undefined || check(value[name]),
    )
  );
}

export function record<T extends object>(required: Required_<T>, optional: Optional_<T>): Check<T>;
export function record(required: Predicates, optional: Predicates): Predicate {
  return (value) => isObject(value) && holds(value, required, optional);
}

type Table<T extends { readonly type: string }> = {
  readonly [E in T as E["type"]]: readonly [Required_<Body<E>>, Optional_<Body<E>>];
};

/** The decoder of one direction: JSON text becomes a member of the union, or undefined. */
export function tagged<T extends { readonly type: string }>(
  table: Table<T>,
): (json: string) => T | undefined;
export function tagged(
  table: Readonly<Record<string, readonly [Predicates, Predicates]>>,
): (json: string) => unknown {
  return (json) => {
    let value: unknown;
    try {
      value = JSON.parse(json);
    } catch {
      return undefined;
    }
    if (!isObject(value)) {
      return undefined;
    }
    const { type, ref } = value;
    const row = typeof type === "string" && Object.hasOwn(table, type) ? table[type] : undefined;
    const known = row !== undefined && (ref === undefined || isTime(ref));
    return known && holds(value, row[0], row[1]) ? value : undefined;
  };
}
