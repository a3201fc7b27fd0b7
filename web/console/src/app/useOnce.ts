import { useState } from "preact/hooks";

/** Made with the component, kept as long as it lives. */
export function useOnce<T>(make: () => T): T {
  return useState(make)[0];
}
