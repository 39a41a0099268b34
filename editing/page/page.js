() => {
  // Runs once when the page has loaded. `samm.save` is called by the download buttons.
  const typed = "input:not([type=range], [type=radio], [type=checkbox]), textarea, [contenteditable]";
  const typing = (event) => event.target.closest(typed);
  const button = (name) => document.getElementById(name);

  window.samm = {
    // Fetch a file that a handler has made, under the name that it has there.
    save(file) {
      if (!file) return;
      const link = document.createElement("a");
      link.href = file.url;
      link.download = decodeURIComponent(file.path.split(/[\\/]/).pop());
      document.body.append(link);
      link.click();
      link.remove();
    },
    // Give the photo if there is one to see, once the page has caught up with the event.
    async shownPhoto(session, photo) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      return [session, document.querySelector("#photo img") ? photo : null];
    },
  };

  // The brush's colors are buttons without a name; screen readers get what each color does.
  const meanings = { "rgb(255, 255, 255)": "White: keep my photo", "rgb(0, 0, 0)": "Black: let the AI draw" };
  const nameColors = () => {
    for (const swatch of document.querySelectorAll("#mask_edit .swatch button:not([aria-label])")) {
      swatch.ariaLabel = meanings[getComputedStyle(swatch).backgroundColor] ?? "Color";
    }
  };
  // The editor is made anew with every photo, so the whole page is watched.
  new MutationObserver(nameColors).observe(document.body, { childList: true, subtree: true });

  // Held, B shows the photo before.
  const before = (on) => {
    const crop = document.querySelector("#compare img")?.src;
    const stage = document.querySelector("#stage img");
    if (!stage || !crop) return;
    if (on && !stage.dataset.after) {
      stage.dataset.after = stage.src;
      stage.src = crop;
    } else if (!on && stage.dataset.after) {
      stage.src = stage.dataset.after;
      delete stage.dataset.after;
    }
  };

  document.addEventListener("keydown", (event) => {
    if (typing(event)) return;
    const key = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && key === "z") {
      event.preventDefault();
      button(event.shiftKey ? "redo" : "undo")?.click();
    } else if (key === "b" && !event.ctrlKey && !event.metaKey && !event.altKey) {
      before(true);
    }
  });
  document.addEventListener("keyup", (event) => {
    if (event.key.toLowerCase() === "b") before(false);
  });
  window.addEventListener("blur", () => before(false));
};
