// Requests to the server. Whatever it refuses becomes an Error with a message to show.

const messageOf = ({ what, why, mend }) => [what, why, mend].filter(Boolean).join("\n");

async function failure(response) {
  if (response.status === 400 || response.status === 503) {
    return new Error(messageOf(await response.json().catch(() => ({ what: "The request was refused." }))));
  }
  return new Error("The server failed; its terminal says why.");
}

async function request(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer. Is `babyllama play` still running?");
  }
  if (!response.ok) throw await failure(response);
  return response;
}

const post = (body, signal) => ({
  method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal,
});

/** Wait until the models are loaded; `onStep` is called with what is being loaded. */
export async function loaded(onStep) {
  let fault = null;
  await events("api/loading", {}, (event) => {
    if (event.fault) fault = event.fault;
    else onStep(event.doing);
  });
  if (fault) throw new Error(messageOf(fault));
}

export const getModels = async () => (await request("api/models")).json();
export const ask = async (name, body) => (await request(`api/${name}`, post(body))).json();

/** Ask, and call `onEvent` with each server-sent event until the stream ends. */
export const stream = (name, body, onEvent, signal) => events(`api/${name}`, post(body, signal), onEvent);

async function events(path, options, onEvent) {
  const response = await request(path, options);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "", ended = false;
  for (;;) {
    const { value, done } = await reader.read().catch(ofBroken);
    if (done) break;
    buffer += value;
    const parts = buffer.split("\n\n");
    buffer = parts.pop();
    for (const part of parts) {
      if (part.startsWith("event: end")) ended = true;
      else onEvent(JSON.parse(part.slice("data: ".length)));
    }
  }
  if (!ended) throw new Error("The server stopped in the middle; its terminal says why.");
}

/** A connection that breaks ends the stream; one that the viewer has stopped is an error. */
function ofBroken(error) {
  if (error.name === "AbortError") throw error;
  return { done: true };
}

/** Only the newest of several answers is used. */
export function newest() {
  let number = 0;
  return async (promise, use, fail) => {
    const own = ++number;
    try {
      const found = await promise;
      if (own === number) use(found);
    } catch (error) {
      if (own === number && error.name !== "AbortError") fail(error);
    }
  };
}
