/*
 * Has somebody in this browser talked with the site before? Only looks: what there is to find the chat's file has
 * written after a click. For everybody else nothing is there, and nothing happens.
 */

/* A visitor's id: the desk may have an answer. A message on its way: it may never have reached the desk. */
export function isKnown(site: string): boolean {
  const prefix = `deskbell.${site}.`;
  try {
    return Object.keys(localStorage).some(
      (key) => key === `${prefix}identity` || key.startsWith(`${prefix}outbox.`),
    );
  } catch {
    /* Storage is switched off. */
    return false;
  }
}
