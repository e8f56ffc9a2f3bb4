// The official npm client, unchanged; prints what it saw as JSON. Started by test_openai_clients.py.
import { createRequire } from "node:module";

const require = createRequire(process.env.CLIENTS);
const OpenAI = require("openai");
const options = { baseURL: process.env.BASE, maxRetries: 0 };
const client = new OpenAI({ ...options, apiKey: process.env.TOKEN });
const asked = (text) => ({ model: "support-bot", messages: [{ role: "user", content: text }] });
const question = asked(process.env.QUESTION);

async function streamed() {
  const seen = { text: "", citations: [], usage: null };
  const stream = await client.chat.completions.create({
    ...question,
    stream: true,
    stream_options: { include_usage: true },
  });
  for await (const chunk of stream) {
    seen.text += chunk.choices[0]?.delta.content ?? "";
    seen.citations = chunk.citations ?? seen.citations;
    seen.usage = chunk.usage ?? seen.usage;
  }
  return seen;
}

async function refusal(call) {
  try {
    await call();
  } catch (error) {
    return [error.constructor.name, [error.status ?? null, error.code]];
  }
  throw new Error("nothing was refused");
}

const breaking = async () => {
  const broken = asked(`${process.env.QUESTION} break off`);
  for await (const chunk of await client.chat.completions.create({ ...broken, stream: true })) void chunk;
};
const whole = (await client.chat.completions.create(question)).choices[0].message;
const helped = (await client.chat.completions.stream(question).finalChatCompletion()).choices[0].message;
const models = [];
for await (const model of client.models.list()) models.push(model.id);

console.log(
  JSON.stringify({
    models,
    model: (await client.models.retrieve("support-bot")).name,
    whole: { text: whole.content, citations: whole.citations },
    streamed: await streamed(),
    helped: { text: helped.content, citations: helped.citations, annotations: helped.annotations },
    errors: Object.fromEntries([
      await refusal(() => new OpenAI({ ...options, apiKey: "dl_wrong" }).models.list()),
      await refusal(() => client.chat.completions.create({ ...question, model: "gpt-4o" })),
      await refusal(() => client.chat.completions.create({ ...question, n: 2 })),
      await refusal(breaking),
    ]),
  }),
);
