import { Component, type ComponentChildren } from "preact";
import { texts } from "../texts/texts.ts";
import { Empty } from "../ui/Parts.tsx";

interface BrokenProps {
  children: ComponentChildren;
}

/** When a part of the page fails, says so instead of standing still. Drafts and the outbox are kept elsewhere. */
export class BrokenGuard extends Component<BrokenProps, { broken: boolean }> {
  override state = { broken: false };

  static override getDerivedStateFromError(): { broken: boolean } {
    return { broken: true };
  }

  override render() {
    if (!this.state.broken) {
      return this.props.children;
    }
    const t = texts.value;
    return (
      <main class="broken">
        <Empty icon="warn" title={t.brokenTitle} text={t.brokenText}>
          <button type="button" class="button button-primary" onClick={() => location.reload()}>
            {t.reload}
          </button>
        </Empty>
      </main>
    );
  }
}
