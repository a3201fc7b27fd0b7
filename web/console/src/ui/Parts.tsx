/* Small parts without a life of their own. */
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { Icon, type IconName } from "./Icon.tsx";

interface EmptyProps {
  icon: IconName;
  title: string;
  text: string;
  children?: ComponentChildren;
}

/** What stands where there is nothing: says so, and what would change it. */
export function Empty({ icon, title, text, children }: EmptyProps) {
  return (
    <div class="empty">
      <span class="empty-mark">
        <Icon name={icon} size={32} />
      </span>
      <p class="empty-title">{title}</p>
      <p class="empty-text">{text}</p>
      {children !== undefined && <div class="empty-action">{children}</div>}
    </div>
  );
}

interface FieldProps {
  label: string;
  hint?: string | undefined;
  error?: string | undefined;
  type?: "text" | "email" | "password";
  name: string;
  value: string;
  autoComplete?: string;
  maxLength?: number;
  autoFocus?: boolean;
  onInput: (value: string) => void;
}

export function Field({
  label,
  hint,
  error,
  type = "text",
  name,
  value,
  autoComplete,
  maxLength,
  autoFocus,
  onInput,
}: FieldProps) {
  const id = useId();
  const below = error ?? hint;
  const shared = {
    class: "input",
    id,
    name,
    value,
    autoComplete,
    maxLength,
    spellcheck: false,
    "aria-invalid": error !== undefined,
    "aria-describedby": below === undefined ? undefined : `${id}-below`,
    ref: (input: HTMLInputElement | null): void => {
      if (autoFocus === true && input !== null && !focused.has(input)) {
        focused.add(input);
        input.focus();
      }
    },
    onInput: (event: { currentTarget: HTMLInputElement }): void =>
      onInput(event.currentTarget.value),
  };
  return (
    <div class="field">
      <label class="field-label" for={id}>
        {label}
      </label>
      <FieldInput type={type} shared={shared} />
      {below !== undefined && (
        <p class={error === undefined ? "field-hint" : "field-error"} id={`${id}-below`}>
          {below}
        </p>
      )}
    </div>
  );
}

function FieldInput({ type, shared }: { type: "text" | "email" | "password"; shared: object }) {
  switch (type) {
    case "text":
      return <input {...shared} type="text" dir="auto" />;
    case "email":
      return <input {...shared} type="email" dir="ltr" />;
    case "password":
      return <input {...shared} type="password" dir="ltr" />;
  }
}

/** Fields that had their first focus: it is given once, when the page has just been opened. */
const focused = new WeakSet<HTMLInputElement>();

interface SegmentsProps<T extends string> {
  label: string;
  name: string;
  choices: ReadonlyArray<readonly [T, string]>;
  chosen: T;
  onChoose: (value: T) => void;
}

/** One of a few, all in sight. */
export function Segments<T extends string>({
  label,
  name,
  choices,
  chosen,
  onChoose,
}: SegmentsProps<T>) {
  return (
    <fieldset class="segments" aria-label={label}>
      {choices.map(([value, text]) => (
        <label class="segment" key={value}>
          <input
            type="radio"
            name={name}
            checked={value === chosen}
            onChange={() => onChoose(value)}
          />
          {text}
        </label>
      ))}
    </fieldset>
  );
}

interface SwitchProps {
  label: string;
  hint?: string | undefined;
  on: boolean;
  disabled?: boolean;
  onChange: (on: boolean) => void;
  children?: ComponentChildren;
}

export function Switch({ label, hint, on, disabled = false, onChange, children }: SwitchProps) {
  const id = useId();
  return (
    <div class="setting">
      <div class="setting-words">
        <label class="setting-label" for={id}>
          {label}
        </label>
        {hint !== undefined && (
          <p class="field-hint" id={`${id}-hint`}>
            {hint}
          </p>
        )}
      </div>
      {children}
      <input
        class="switch"
        type="checkbox"
        role="switch"
        id={id}
        checked={on}
        aria-checked={on}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        disabled={disabled}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
    </div>
  );
}
