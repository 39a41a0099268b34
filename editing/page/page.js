() => {
  // Runs once when the page has loaded. `samm` is called by buttons whose handlers have made a file.
  const typed = "input:not([type=range], [type=radio], [type=checkbox]), textarea, [contenteditable]";
  const typing = (event) => event.target.closest(typed);
  const button = (name) => document.getElementById(name);
  const nameOf = (file) => decodeURIComponent(file.path.split(/[\\/]/).pop());
  const edits = () => [...document.querySelectorAll("#edits button")].map((chip) => chip.textContent).join();
  let saved = edits();

  window.samm = {
    // Fetch a file that a handler has made, under the name that it has there.
    save(file) {
      if (!file) return;
      saved = edits();
      const link = document.createElement("a");
      link.href = file.url;
      link.download = nameOf(file);
      document.body.append(link);
      link.click();
      link.remove();
    },
    // Hand it to another program where the browser can, as phones do; else save it.
    async share(file) {
      if (!file) return;
      const data = await (await fetch(file.url)).blob();
      const files = [new File([data], nameOf(file), { type: data.type })];
      if (!navigator.canShare?.({ files })) return samm.save(file);
      await navigator.share({ files }).catch(() => {}); // closed without a choice
    },
    // Edits that were not saved are not thrown away by a reload without a question. Gradio ends the connection as
    // soon as it hears of one, and who stays would have a dead page: so it must not, and the page's head asks first.
    leaving(event) {
      if (edits() === saved) return;
      event.preventDefault();
      event.stopImmediatePropagation();
    },
    // Give the photo if there is one to see, once the page has caught up with the event.
    async shownPhoto(session, photo) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      return [session, document.querySelector("#photo img") ? photo : null];
    },
  };

  // Where what Gradio draws has no name or a wrong role, screen readers get one.
  const meanings = { 255: "White: keep my photo", 0: "Black: let the AI draw" };
  const mend = () => {
    for (const swatch of document.querySelectorAll("#mask_edit .swatch button:not([aria-label])")) {
      const level = getComputedStyle(swatch).backgroundColor.match(/\d+/)?.[0];
      swatch.ariaLabel = meanings[level] ?? "Color";
    }
    for (const slider of document.querySelectorAll("#tabs input[type=range]"))
      slider.style.setProperty("--zero", slider.min < 0 ? slider.min / (slider.min - slider.max) : -1);
    for (const empty of document.querySelectorAll(".empty[aria-label]:not([role])")) empty.role = "img";
    const all = tiles();
    for (const tile of all) tile.ariaPressed = tile.classList.contains("primary");
    if (all.filter((tile) => tile.tabIndex === 0).length !== 1) stopAt(all[0]);
  };

  // The effects are one stop of the Tab key; arrow keys lead from one to the next.
  const tiles = () => [...document.querySelectorAll("#tiles button:enabled")];
  const stopAt = (stop) => tiles().forEach((tile) => (tile.tabIndex = tile === stop ? 0 : -1));
  const ways = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  Object.assign(button("tiles") ?? {}, { role: "toolbar", ariaLabel: "Effects" });
  button("tiles")?.addEventListener("keydown", (event) => {
    const all = tiles();
    if (!ways[event.key]) return;
    event.preventDefault();
    const next = all.at((all.indexOf(event.target) + ways[event.key]) % all.length);
    stopAt(next);
    next.focus();
  });
  mend();
  // Parts of the page are made anew now and then, so all of it is watched.
  const changes = { childList: true, subtree: true, attributeFilter: ["class", "min", "max"] };
  new MutationObserver(mend).observe(document.body, changes);

  // While Compare or B is held, the photo before lies over the stage.
  const before = (on) => {
    const stage = document.getElementById("shown");
    stage?.querySelector(".before")?.remove();
    const photo = stage?.querySelector("#compare img")?.src;
    if (!on || !photo) return;
    const over = new Image();
    over.src = photo;
    over.alt = "Your photo, before";
    over.className = "before";
    stage.append(over);
  };
  document.addEventListener("pointerdown", (event) => {
    if (event.target.closest("#hold")) before(true);
  });

  // A drag on the photo that is cropped moves the sliders of the crop's middle, which are there for the keyboard.
  let drag = null;
  document.addEventListener("pointerdown", (event) => {
    const photo = event.target.closest("#crop_preview")?.querySelector("img");
    if (!photo) return;
    const sliders = ["crop_x", "crop_y"].map((name) => document.querySelector(`#${name} input[type=range]`));
    const [x, y] = sliders;
    const scale = Math.max(x.max / photo.clientWidth, y.max / photo.clientHeight);
    const begin = [x.value - scale * event.clientX, y.value - scale * event.clientY];
    drag = (to) =>
      sliders.forEach((slider, axis) => {
        slider.value = Math.round(begin[axis] + scale * (axis ? to.clientY : to.clientX));
        slider.dispatchEvent(new Event("input", { bubbles: true }));
      });
  });
  window.addEventListener("pointermove", (event) => drag?.(event));

  for (const name of ["pointerup", "pointercancel", "blur"])
    window.addEventListener(name, () => {
      before(false);
      drag = null;
    });
  button("hold")?.addEventListener("contextmenu", (event) => event.preventDefault()); // a long touch

  // A slider that rests or is left is released, also one that keys or typed numbers move: then the full picture
  // is drawn. What was asked for stands, though an answer of the server may have set the slider back.
  let rest, asked;
  const fire = (name) => asked[0].dispatchEvent(new Event(name, { bubbles: true }));
  const release = (event) => {
    clearTimeout(rest);
    if (asked && asked[0] !== event?.target) {
      const [range, value] = asked;
      if (value && range.value !== value) {
        range.value = value;
        fire("input");
      }
      fire("pointerup");
    }
    asked = null;
  };
  document.addEventListener("pointerup", release);
  document.addEventListener("input", ({ target }) => {
    const range = target.closest("#tabs .block")?.querySelector("input[type=range]");
    if (!range) return;
    clearTimeout(rest);
    asked = [range, target === range && range.value];
    rest = setTimeout(release, 500);
  });
  // The next key goes on from there, too.
  document.addEventListener("keydown", ({ target }) => {
    if (asked?.[1] && asked[0] === target) target.value = asked[1];
  });

  const compares = (event) =>
    (event.key.toLowerCase() === "b" && !event.ctrlKey && !event.metaKey && !event.altKey) ||
    ([" ", "Enter"].includes(event.key) && event.target.closest("#hold"));
  document.addEventListener("keydown", (event) => {
    if (typing(event)) return;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
      event.preventDefault();
      button(event.shiftKey ? "redo" : "undo")?.click();
    } else if (compares(event) && !event.repeat) {
      before(true);
    }
  });
  document.addEventListener("keyup", (event) => {
    if (compares(event)) before(false);
  });

  // On a phone, what explains itself begins folded, so that the page is short.
  if (innerWidth < 1000) document.querySelector("#how button.open")?.click();

  // After an upload the stage comes into view.
  button("use")?.closest("#header")?.addEventListener("change", () => button("page")?.scrollIntoView());
};
