import type { JSX } from "preact";
import type { ChatTexts } from "../texts/texts.ts";
import type { ContactState } from "./contact.state.ts";

export interface ContactCardProps {
  contact: ContactState;
  texts: ChatTexts;
  email: string | undefined;
}

function fieldText(form: HTMLFormElement, name: string): string {
  const value = new FormData(form).get(name);
  return typeof value === "string" ? value : "";
}

function ContactForm({ contact, texts }: ContactCardProps): JSX.Element {
  const problem = contact.problem.value;
  const message = { wrong: texts.contactWrong, failed: texts.contactFailed };
  return (
    <form
      class="card"
      noValidate
      aria-labelledby="contact-title"
      onSubmit={(event) => {
        event.preventDefault();
        const form = event.currentTarget;
        void contact.save(fieldText(form, "name"), fieldText(form, "email"));
      }}
    >
      <p id="contact-title" class="card-title">
        {texts.contactTitle}
      </p>
      <input
        type="email"
        name="email"
        dir="auto"
        inputMode="email"
        autoComplete="email"
        maxLength={254}
        placeholder={texts.contactEmail}
        aria-label={texts.contactEmail}
        aria-invalid={problem === "wrong"}
        aria-describedby={problem && "contact-problem"}
      />
      <p id="contact-problem" class="card-problem" role="alert">
        {problem && message[problem]}
      </p>
      <input
        type="text"
        name="name"
        dir="auto"
        autoComplete="name"
        maxLength={100}
        placeholder={texts.contactName}
        aria-label={texts.contactName}
      />
      <div class="card-buttons">
        <button type="submit" class="primary">
          {texts.contactSave}
        </button>
        <button type="button" class="plain" onClick={() => contact.skip()}>
          {texts.contactSkip}
        </button>
      </div>
    </form>
  );
}

/* Stands below the messages, never in the way of writing. */
export function ContactCard(props: ContactCardProps): JSX.Element | null {
  switch (props.contact.step.value) {
    case "hidden":
      return null;
    case "asking":
      return <ContactForm {...props} />;
    case "done":
      return (
        <p class="line" role="status">
          {props.texts.contactDone(props.email ?? "")}
        </p>
      );
  }
}
