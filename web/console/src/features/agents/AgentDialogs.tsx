/* What the agents page asks before it does something. */
import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import type { Role, Session } from "../../desk/types.ts";
import { texts } from "../../texts/texts.ts";
import { Dialog } from "../../ui/Dialog.tsx";
import { Field, Segments } from "../../ui/Parts.tsx";
import { useErrorFocus } from "../../ui/useErrorFocus.ts";
import type { Errors } from "../auth/auth.state.ts";
import type { NewAgent, PasswordFields } from "./agents.state.ts";
import { SessionList } from "./SessionList.tsx";

interface FormProps {
  title: string;
  label: string;
  busy: boolean;
  errors: Errors;
  danger?: boolean;
  onSubmit: () => void;
  onClose: () => void;
  children: ComponentChildren;
}

function DialogForm({
  title,
  label,
  busy,
  errors,
  danger = false,
  onSubmit,
  onClose,
  children,
}: FormProps) {
  const t = texts.value;
  const form = useRef<HTMLFormElement>(null);
  useErrorFocus(form, errors);
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        class="dialog-form"
        ref={form}
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          onSubmit();
        }}
      >
        {children}
        <div role="alert">
          {errors.form !== undefined && <p class="notice notice-danger">{errors.form}</p>}
        </div>
        <div class="dialog-actions">
          <button type="button" class="button button-plain" onClick={onClose}>
            {t.cancel}
          </button>
          <button
            type="submit"
            class={danger ? "button button-danger" : "button button-primary"}
            disabled={busy}
          >
            {busy ? t.saving : label}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

interface AddAgentProps {
  fields: NewAgent;
  errors: Errors;
  busy: boolean;
  onChange: (some: Partial<NewAgent>) => void;
  onSubmit: () => void;
  onClose: () => void;
}

export function AddAgent({ fields, errors, busy, onChange, onSubmit, onClose }: AddAgentProps) {
  const t = texts.value;
  const roles: ReadonlyArray<readonly [Role, string]> = [
    ["agent", t.roleAgent],
    ["owner", t.roleOwner],
  ];
  return (
    <DialogForm
      title={t.addAgent}
      label={t.add}
      busy={busy}
      errors={errors}
      onSubmit={onSubmit}
      onClose={onClose}
    >
      <Field
        label={t.name}
        name="agent-name"
        autoComplete="off"
        autoFocus
        value={fields.name}
        hint={t.setupNameHint}
        error={errors.name}
        maxLength={100}
        onInput={(name) => onChange({ name })}
      />
      <Field
        label={t.email}
        type="email"
        name="agent-email"
        autoComplete="off"
        value={fields.email}
        error={errors.email}
        maxLength={254}
        onInput={(email) => onChange({ email })}
      />
      <Field
        label={t.firstPassword}
        type="password"
        name="agent-password"
        autoComplete="new-password"
        value={fields.password}
        hint={t.firstPasswordHint}
        error={errors.password}
        maxLength={200}
        onInput={(password) => onChange({ password })}
      />
      <div class="field">
        <span class="field-label">{t.role}</span>
        <div>
          <Segments
            label={t.role}
            name="agent-role"
            choices={roles}
            chosen={fields.role}
            onChoose={(role) => onChange({ role })}
          />
        </div>
        <p class="field-hint">{fields.role === "owner" ? t.roleOwnerHint : t.roleAgentHint}</p>
      </div>
    </DialogForm>
  );
}

interface SetPasswordProps {
  name: string;
  own: boolean;
  fields: PasswordFields;
  errors: Errors & { old?: string };
  busy: boolean;
  onChange: (some: Partial<PasswordFields>) => void;
  onSubmit: () => void;
  onClose: () => void;
}

export function SetPassword(props: SetPasswordProps) {
  const { name, own, fields, errors, busy, onChange, onSubmit, onClose } = props;
  const t = texts.value;
  return (
    <DialogForm
      title={own ? t.changePassword : t.setPasswordFor(name)}
      label={t.save}
      busy={busy}
      errors={errors}
      onSubmit={onSubmit}
      onClose={onClose}
    >
      <p class="field-hint">{t.setPasswordLead}</p>
      {own && (
        <Field
          label={t.oldPassword}
          type="password"
          name="old-password"
          autoComplete="current-password"
          autoFocus
          value={fields.old}
          error={errors.old}
          maxLength={200}
          onInput={(old) => onChange({ old })}
        />
      )}
      <Field
        label={t.newPassword}
        type="password"
        name="new-password"
        autoComplete="new-password"
        autoFocus={!own}
        value={fields.password}
        hint={t.passwordHint}
        error={errors.password}
        maxLength={200}
        onInput={(password) => onChange({ password })}
      />
    </DialogForm>
  );
}

interface RemoveAgentProps {
  name: string;
  busy: boolean;
  errors: Errors;
  onSubmit: () => void;
  onClose: () => void;
}

export function RemoveAgent({ name, busy, errors, onSubmit, onClose }: RemoveAgentProps) {
  const t = texts.value;
  return (
    <DialogForm
      title={t.removeAgentTitle(name)}
      label={t.removeAgentDo}
      busy={busy}
      errors={errors}
      danger
      onSubmit={onSubmit}
      onClose={onClose}
    >
      <p>{t.removeAgentText}</p>
    </DialogForm>
  );
}

interface SessionsDialogProps {
  name: string;
  own: boolean;
  sessions: readonly Session[] | undefined;
  failed: boolean;
  now: number;
  onEnd: (session: number) => void;
  onEndAll: () => void;
  onRetry: () => void;
  onClose: () => void;
}

export function SessionsDialog(props: SessionsDialogProps) {
  const t = texts.value;
  return (
    <Dialog title={props.own ? t.yourSessions : t.sessionsOf(props.name)} onClose={props.onClose}>
      <SessionList {...props} />
    </Dialog>
  );
}
