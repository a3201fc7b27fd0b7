import type { Toast } from "./toasts.state.ts";

interface ToastsProps {
  toasts: readonly Toast[];
  onHide: (id: number) => void;
  onHold: (id: number) => void;
  onResume: (id: number) => void;
}

export function Toasts({ toasts, onHide, onHold, onResume }: ToastsProps) {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.map((toast) => (
        <div
          class="toast"
          key={toast.id}
          onPointerEnter={() => onHold(toast.id)}
          onPointerLeave={() => onResume(toast.id)}
          onFocusIn={() => onHold(toast.id)}
          onFocusOut={() => onResume(toast.id)}
        >
          <span class="toast-text">{toast.text}</span>
          {toast.action !== undefined && (
            <button
              type="button"
              class="toast-action"
              onClick={() => {
                toast.action?.run();
                onHide(toast.id);
              }}
            >
              {toast.action.label}
            </button>
          )}
        </div>
      ))}
    </div>
  );
}
