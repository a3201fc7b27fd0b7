/* The pages before one is in: logging in, the first owner, a desk without one. */
import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { texts } from "../../texts/texts.ts";
import { BellMark } from "../../ui/BellMark.tsx";
import { Field } from "../../ui/Parts.tsx";
import { useErrorFocus } from "../../ui/useErrorFocus.ts";
import type { Errors } from "./auth.state.ts";

interface CardProps {
  title: string;
  lead?: string;
  children?: ComponentChildren;
}

function AuthCard({ title, lead, children }: CardProps) {
  return (
    <main class="auth">
      <div class="auth-card">
        <div class="auth-brand">
          <BellMark />
          {texts.value.product}
        </div>
        <h1 class="auth-title">{title}</h1>
        {lead !== undefined && <p class="auth-lead">{lead}</p>}
        {children}
      </div>
    </main>
  );
}

interface LogInProps {
  email: string;
  password: string;
  errors: Errors;
  busy: boolean;
  /** Why one is here again. */
  note?: string | undefined;
  onEmail: (value: string) => void;
  onPassword: (value: string) => void;
  onSubmit: () => void;
}

export function LogIn(props: LogInProps) {
  const { email, password, errors, busy, note } = props;
  const t = texts.value;
  return (
    <AuthCard title={t.logInTitle}>
      {note !== undefined && (
        <p class="notice notice-fresh" role="status">
          {note}
        </p>
      )}
      <AuthForm
        busy={busy}
        errors={errors}
        label={t.logIn}
        busyLabel={t.loggingIn}
        onSubmit={props.onSubmit}
      >
        <Field
          label={t.email}
          type="email"
          name="email"
          autoComplete="username"
          autoFocus
          value={email}
          error={errors.email}
          maxLength={254}
          onInput={props.onEmail}
        />
        <Field
          label={t.password}
          type="password"
          name="password"
          autoComplete="current-password"
          value={password}
          error={errors.password}
          maxLength={200}
          onInput={props.onPassword}
        />
      </AuthForm>
    </AuthCard>
  );
}

interface SetupProps {
  name: string;
  email: string;
  password: string;
  errors: Errors;
  busy: boolean;
  onName: (value: string) => void;
  onEmail: (value: string) => void;
  onPassword: (value: string) => void;
  onSubmit: () => void;
}

export function Setup(props: SetupProps) {
  const { name, email, password, errors, busy } = props;
  const t = texts.value;
  return (
    <AuthCard title={t.setupTitle} lead={t.setupLead}>
      <AuthForm
        busy={busy}
        errors={errors}
        label={t.setupDo}
        busyLabel={t.settingUp}
        onSubmit={props.onSubmit}
      >
        <Field
          label={t.setupName}
          name="name"
          autoComplete="name"
          autoFocus
          value={name}
          hint={t.setupNameHint}
          error={errors.name}
          maxLength={100}
          onInput={props.onName}
        />
        <Field
          label={t.email}
          type="email"
          name="email"
          autoComplete="username"
          value={email}
          error={errors.email}
          maxLength={254}
          onInput={props.onEmail}
        />
        <Field
          label={t.setupPassword}
          type="password"
          name="new-password"
          autoComplete="new-password"
          value={password}
          hint={t.passwordHint}
          error={errors.password}
          maxLength={200}
          onInput={props.onPassword}
        />
      </AuthForm>
    </AuthCard>
  );
}

interface AuthFormProps {
  busy: boolean;
  errors: Errors;
  label: string;
  busyLabel: string;
  onSubmit: () => void;
  children: ComponentChildren;
}

function AuthForm({ busy, errors, label, busyLabel, onSubmit, children }: AuthFormProps) {
  const form = useRef<HTMLFormElement>(null);
  useErrorFocus(form, errors);
  return (
    <form
      class="auth-form"
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
      <button type="submit" class="button button-primary button-wide" disabled={busy}>
        {busy ? busyLabel : label}
      </button>
    </form>
  );
}

/** Nobody is owner, and this address has no token. */
export function NoOwner() {
  const t = texts.value;
  return <AuthCard title={t.setupMissingTitle} lead={t.setupMissingText} />;
}

export function Unreachable({ onRetry }: { onRetry: () => void }) {
  const t = texts.value;
  return (
    <AuthCard title={t.unreachableTitle} lead={t.unreachable}>
      <button type="button" class="button button-primary button-wide" onClick={onRetry}>
        {t.tryAgain}
      </button>
    </AuthCard>
  );
}
