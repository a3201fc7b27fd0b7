import type { ComponentChildren, JSX } from "preact";

/*
 * A sentence of ours. All our languages run from left to right, also on a page that runs the other way: the layout is
 * the page's, the sentence keeps its order.
 */
export function Say(props: { children: ComponentChildren }): JSX.Element {
  return <bdi dir="ltr">{props.children}</bdi>;
}

/* Hebrew, Arabic and their neighbours, with their presentation forms. */
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]/;

/* A name inside a sentence of ours: in whatever script it is, it does not turn the sentence around. */
export function isolate(name: string): string {
  return RIGHT_TO_LEFT.test(name) ? `\u2068${name}\u2069` : name;
}
