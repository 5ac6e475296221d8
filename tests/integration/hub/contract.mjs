/** docs/asyncapi.yaml as a judge: is a message one of those that may go over a channel in that direction? */
import { readFileSync } from 'node:fs';
import Ajv from 'ajv';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';

export const source = readFileSync(new URL('../../../docs/asyncapi.yaml', import.meta.url), 'utf8');
export const document = parse(source, { merge: true });

const ajv = new Ajv({ strict: false, allErrors: true });
addFormats(ajv);
ajv.addSchema(document, 'asyncapi');

const nameOf = (ref) => ref.split('/').at(-1);

/** The messages of a channel that a hub may `send` or `receive`: their names in components/messages, per `type`. */
function messagesOf(channel, action) {
  const operation = Object.values(document.operations).find(
    (candidate) => nameOf(candidate.channel.$ref) === channel && candidate.action === action,
  );
  const names = operation.messages.map(({ $ref }) => nameOf(document.channels[channel].messages[nameOf($ref)].$ref));
  return new Map(names.map((name) => [document.components.messages[name].name, name]));
}

const validators = new Map();

/** null, or what is wrong with the message. */
export function problemOf(channel, action, message) {
  const name = messagesOf(channel, action).get(message.type);
  if (!name) return `a hub does not ${action} "${message.type}" on ${channel}`;
  if (!validators.has(name)) validators.set(name, ajv.compile({ $ref: `asyncapi#/components/messages/${name}/payload` }));
  const validate = validators.get(name);
  return validate(message) ? null : `${JSON.stringify(message)} is no ${name}: ${ajv.errorsText(validate.errors)}`;
}

export function typesOf(channel, action) {
  return [...messagesOf(channel, action).keys()];
}

export function schemaProblemOf(name, value) {
  const validate = ajv.compile({ $ref: `asyncapi#/components/schemas/${name}` });
  return validate(value) ? null : ajv.errorsText(validate.errors);
}
