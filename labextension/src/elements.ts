/** Make an element. Its text is text: whatever a name holds, no markup comes of it. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  text = '',
  attributes: Record<string, string> = {}
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) {
    made.setAttribute(name, value);
  }
  return made;
}

/** Set a text only if it is another one, so that nothing is laid out anew for nothing. */
export function setText(target: HTMLElement, text: string): void {
  if (target.textContent !== text) {
    target.textContent = text;
  }
}

/** A function that calls `draw` with the next frame, once, however often it is called before. */
export function oncePerFrame(draw: () => void): () => void {
  let asked = false;
  return () => {
    if (!asked) {
      asked = true;
      window.requestAnimationFrame(() => {
        asked = false;
        draw();
      });
    }
  };
}
