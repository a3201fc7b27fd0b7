import type { ComponentChildren } from "preact";
import { givenName } from "../../desk/names.ts";
import type { Conversation, Facts as FactsData } from "../../desk/types.ts";
import { shortAddress, webAddress } from "../../lib/address.ts";
import { readBrowser } from "../../lib/browser.ts";
import { formatFull } from "../../lib/time.ts";
import { locale, texts } from "../../texts/texts.ts";
import { Avatar } from "../../ui/Avatar.tsx";
import { Icon, type IconName } from "../../ui/Icon.tsx";

interface FactsProps {
  data: Conversation;
  name: string;
  /** Absent while they are being asked for. */
  facts: FactsData | undefined;
  /** Who has it; absent when nobody. */
  agent: string | undefined;
  onBack: () => void;
}

/** What is known of the visitor. All of it comes from outside: text is text, links lead only to web pages. */
export function Facts({ data, name, facts, agent, onBack }: FactsProps) {
  const t = texts.value;
  const { email } = data.visitor;
  return (
    <aside class="facts" aria-label={t.facts}>
      <header class="facts-head">
        <button type="button" class="icon-button facts-back" aria-label={t.back} onClick={onBack}>
          <Icon name="back" />
        </button>
        <h2 class="facts-title">{t.facts}</h2>
      </header>
      <div class="facts-body">
        <div class="facts-person">
          <Avatar name={givenName(data)} of={data.visitor.visitor} size="large" />
          <div class="facts-person-words">
            <p class="facts-name in-line" dir="auto">
              {name}
            </p>
            {email !== undefined && (
              <p class="facts-email">
                <a href={`mailto:${encodeURIComponent(email)}`} title={t.factEmailHint}>
                  {email}
                </a>
              </p>
            )}
          </div>
        </div>
        <dl class="facts-list">
          <Fact icon="screen" label={t.factPage}>
            <PageFact facts={facts} />
          </Fact>
          <Fact icon="link" label={t.factReferrer}>
            {facts === undefined ? (
              <Pending />
            ) : (
              <Address address={facts.referrer} none={t.factReferrerNone} />
            )}
          </Fact>
          <Fact icon="globe" label={t.factLanguage}>
            {facts === undefined ? (
              <Pending />
            ) : (
              (languageName(facts.language, locale.value) ?? t.factUnknown)
            )}
          </Fact>
          <Fact icon={isMobile(facts) ? "phone" : "screen"} label={t.factBrowser}>
            {facts === undefined ? <Pending /> : <BrowserFact field={facts.browser} />}
          </Fact>
          <Fact icon="clock" label={t.factFirstSeen}>
            <span class="number">{formatFull(data.created_at, locale.value)}</span>
          </Fact>
          <Fact icon="bell" label={t.factSite}>
            {data.site}
          </Fact>
          <Fact icon="people" label={t.factWith}>
            <span dir="auto">{agent ?? t.nobodyHas}</span>
          </Fact>
        </dl>
      </div>
    </aside>
  );
}

function Fact({
  icon,
  label,
  children,
}: {
  icon: IconName;
  label: string;
  children: ComponentChildren;
}) {
  return (
    <div class="fact">
      <dt class="fact-label">
        <Icon name={icon} size={14} />
        {label}
      </dt>
      <dd class="fact-value">{children}</dd>
    </div>
  );
}

function Pending() {
  return <span class="skeleton fact-skeleton" />;
}

function PageFact({ facts }: { facts: FactsData | undefined }) {
  if (facts === undefined) {
    return <Pending />;
  }
  return (
    <>
      {facts.title !== undefined && facts.title !== "" && (
        <span class="fact-page-title" dir="auto" title={facts.title}>
          {facts.title}
        </span>
      )}
      <Address address={facts.page} none={texts.value.factUnknown} />
    </>
  );
}

function Address({ address, none }: { address: string | undefined; none: string }) {
  if (address === undefined || address === "") {
    return <>{none}</>;
  }
  const href = webAddress(address);
  if (href === undefined) {
    return <span class="fact-address">{address}</span>;
  }
  return (
    <a
      class="fact-address"
      dir="ltr"
      href={href}
      title={address}
      target="_blank"
      rel="noopener noreferrer nofollow"
    >
      {shortAddress(address)}
      <span class="reader-only"> ({texts.value.opensNewTab})</span>
    </a>
  );
}

function BrowserFact({ field }: { field: string | undefined }) {
  const t = texts.value;
  const browser = field === undefined ? undefined : readBrowser(field);
  if (browser === undefined) {
    return <span title={field}>{t.factUnknown}</span>;
  }
  const both = browser.name !== "" && browser.system !== "";
  return (
    <span title={field}>
      {both ? t.factBrowserOn(browser.name, browser.system) : browser.name || browser.system}
    </span>
  );
}

function isMobile(facts: FactsData | undefined): boolean {
  return facts?.browser !== undefined && (readBrowser(facts.browser)?.mobile ?? false);
}

/** A language tag in words, as the agent's language says it. */
export function languageName(tag: string | undefined, inLocale: string): string | undefined {
  if (tag === undefined || tag === "") {
    return undefined;
  }
  try {
    return new Intl.DisplayNames([inLocale], { type: "language" }).of(tag);
  } catch {
    return tag;
  }
}
