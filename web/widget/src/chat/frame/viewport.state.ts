/*
 * On a phone the window fills what the keyboard leaves: the visual viewport, which CSS cannot ask for. Set as
 * properties that the style sheet uses where the window is full screen.
 */

export function followViewport(target: HTMLElement): () => void {
  const viewport = window.visualViewport;
  if (!viewport) {
    return () => undefined;
  }
  const follow = (): void => {
    target.style.setProperty("--view-height", `${viewport.height}px`);
    target.style.setProperty("--view-top", `${viewport.offsetTop}px`);
  };
  viewport.addEventListener("resize", follow);
  viewport.addEventListener("scroll", follow);
  follow();
  return () => {
    viewport.removeEventListener("resize", follow);
    viewport.removeEventListener("scroll", follow);
  };
}
