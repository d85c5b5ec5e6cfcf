// Browsers refuse workers on pages that are opened from a file, and the site's search is a worker.
// On such pages a worker is a hidden frame: it gets copies of messages, and answers, as a worker does.
if (location.protocol === "file:") {
  const message = (data) => new MessageEvent("message", { data: structuredClone(data) });

  window.Worker = class extends EventTarget {
    #frame = document.createElement("iframe");
    #ready;

    constructor(url) {
      super();
      this.#frame.hidden = true;
      document.documentElement.append(this.#frame);
      const inside = this.#frame.contentDocument;
      this.#frame.contentWindow.postMessage = (data) => {
        const event = message(data);
        setTimeout(() => {
          this.dispatchEvent(event);
          this.onmessage?.(event);
        });
      };
      const script = inside.createElement("script");
      this.#ready = new Promise((resolve) => script.addEventListener("load", resolve));
      script.src = String(url);
      inside.documentElement.append(script);
    }

    async postMessage(data) {
      const event = message(data);
      await this.#ready;
      setTimeout(() => this.#frame.contentWindow.dispatchEvent(event));
    }

    terminate() {
      this.#frame.remove();
    }
  };
}
