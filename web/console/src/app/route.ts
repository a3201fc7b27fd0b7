/*
 * Where in the console one is, as the part of the address after #. Each step on a phone is a step in the
 * browser's history, so that its own way back works.
 */
import { signal } from "@preact/signals";
import type { View } from "../desk/types.ts";

export type Route =
  | { place: "inbox"; view: View; conversation?: number; facts?: true }
  | { place: "agents" }
  | { place: "settings" };

const VIEWS: readonly View[] = ["mine", "unassigned", "all", "closed"];
const HOME: Route = { place: "inbox", view: "mine" };

/** What an address says; what it does not say well is the start. */
export function parseRoute(hash: string): Route {
  const [first, second, third] = hash.replace(/^#\/?/, "").split("/");
  if (first === "agents" || first === "settings") {
    return { place: first };
  }
  const view = VIEWS.find((one) => one === first);
  if (view === undefined) {
    return HOME;
  }
  if (second === undefined || !/^[1-9]\d{0,14}$/.test(second)) {
    return { place: "inbox", view };
  }
  const route: Route = { place: "inbox", view, conversation: Number(second) };
  return third === "about" ? { ...route, facts: true } : route;
}

export function formatRoute(route: Route): string {
  if (route.place !== "inbox") {
    return `#/${route.place}`;
  }
  const { view, conversation, facts } = route;
  if (conversation === undefined) {
    return `#/${view}`;
  }
  return facts ? `#/${view}/${conversation}/about` : `#/${view}/${conversation}`;
}

export const route = signal<Route>(HOME);

/** Follows the address; the returned function ends it. */
export function startRouting(): () => void {
  const read = (): void => {
    route.value = parseRoute(location.hash);
  };
  read();
  window.addEventListener("hashchange", read);
  return () => window.removeEventListener("hashchange", read);
}

/** Goes somewhere; `replace` leaves no step to come back to. */
export function go(to: Route, replace = false): void {
  const hash = formatRoute(to);
  if (replace) {
    history.replaceState(null, "", hash);
  } else if (hash !== location.hash) {
    history.pushState(null, "", hash);
  }
  route.value = to;
}

/** The view that lists show when one comes back from elsewhere. */
export function viewOf(at: Route): View {
  return at.place === "inbox" ? at.view : "mine";
}

const SETUP = /^#setup=([0-9a-f]{64})$/;

/** The one-time token of an address, or undefined. */
export function setupToken(hash: string): string | undefined {
  return SETUP.exec(hash)?.[1];
}
