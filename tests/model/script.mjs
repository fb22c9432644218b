// Which answer a request gets.
//
// A script is a list of turns, one for each thing the user may say; a turn is a list of steps,
// one for each request that the agent makes until it has its final message. Both are found from the
// request alone (an agent sends the whole conversation again each time): the turn by the last thing
// the user said, the step by the ids of the tool calls that are already answered. So a retry gets
// the same answer, and any number of conversations can run at once. README.md describes the format.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const kCallId = /^call_t(\d+)_s(\d+)_\d+/;

export function loadScript(path) {
  const script = JSON.parse(readFileSync(path, "utf8"));
  for (const turn of script.turns) {
    if (turn.when !== undefined) turn.pattern = new RegExp(turn.when, "i");
    for (const step of turn.steps) {
      if (step.patch_file !== undefined) {
        step.patch = readFileSync(join(dirname(path), step.patch_file), "utf8");
      }
    }
  }
  return script;
}

export function callId(turn, step, index) {
  return `call_t${turn}_s${step}_${index}`;
}

function textOf(item) {
  if (typeof item.content === "string") return item.content;
  return (item.content ?? []).map((part) => part.text ?? "").join("\n");
}

// What an agent adds by itself (its surroundings, AGENTS.md) is not something the user said.
function isPrompt(item) {
  if (item.role !== "user") return false;
  const text = textOf(item).trimStart();
  return !text.startsWith("<") && !text.startsWith("# AGENTS.md");
}

// {turn, step, turnIndex, stepIndex, prompt}, or null when no turn fits or its steps are used up.
// `items` is the conversation (dialects.mjs).
export function findStep(script, items) {
  const prompts = items.map((item, at) => (isPrompt(item) ? at : -1)).filter((at) => at >= 0);
  const last = prompts.at(-1) ?? -1;
  const prompt = last >= 0 ? textOf(items[last]) : "";
  let turnIndex = script.turns.findIndex((turn) => turn.pattern?.test(prompt));
  if (turnIndex < 0) {
    const unnamed = script.turns.map((turn, at) => ({ turn, at })).filter(({ turn }) => !turn.pattern);
    turnIndex = unnamed[Math.max(prompts.length - 1, 0)]?.at ?? -1;
  }
  let stepIndex = 0;
  for (const item of items.slice(last + 1)) {
    if (item.type !== "function_call_output" && item.type !== "custom_tool_call_output") continue;
    const match = kCallId.exec(item.call_id ?? "");
    if (match && Number(match[1]) === turnIndex) stepIndex = Math.max(stepIndex, Number(match[2]) + 1);
  }
  const turn = script.turns[turnIndex];
  return { turn, step: turn?.steps[stepIndex], turnIndex, stepIndex, prompt };
}
