import type { RefObject } from "preact";
import { useLayoutEffect } from "preact/hooks";

/**
 * Brings a form back to what is wrong in it: the first field that is, else the password, which is what a
 * refusal is about. `errors` is a new object with each try.
 */
export function useErrorFocus(form: RefObject<HTMLFormElement | null>, errors: object): void {
  useLayoutEffect(() => {
    if (Object.keys(errors).length > 0) {
      const find = (selector: string) => form.current?.querySelector<HTMLInputElement>(selector);
      const input = find('[aria-invalid="true"]') ?? find("[type=password]");
      input?.focus();
      input?.select();
    }
  }, [errors]);
}
