// docs/openapi.json as text: operations from openapi-operations.ts, schemas from the types that the server is
// written against. The file is written by `npx tsx` of this one and held equal by openapi.test.ts.

import { writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';
import { type Operation, BESIDES, OPERATIONS } from './openapi-operations.ts';

export const OPENAPI_FILE = fileURLToPath(new URL('../../docs/openapi.json', import.meta.url));
export const WRITE_COMMAND = 'npx tsx test/docs/openapi-file.ts && npx prettier --write docs/openapi.json';
const TYPES = fileURLToPath(new URL('../../src/dashboard/api/types.ts', import.meta.url));

type Schema = Record<string, unknown>;

const MEANINGS: Readonly<Record<number, string>> = {
  101: 'The connection is a WebSocket from here on.',
  200: 'Done.',
  202: 'Begun.',
  400: 'A value is not as expected.',
  401: 'The token is missing or wrong.',
  403: 'Asked for by a foreign page, or without `X-Weir-Request: 1`.',
  404: 'There is none.',
  409: 'It cannot be done as things are.',
  421: 'The Host is a foreign name.',
  422: 'The configuration is not right.',
  429: 'Too many: try again later.',
  501: 'Not in this configuration.',
  503: 'Too many viewers.',
};
const ALWAYS = [400, 401, 403, 421];

/** The whole file. */
export function openApiText(): string {
  const schemas = new Schemas();
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [name, operation] of Object.entries(OPERATIONS)) {
    const [method, path] = name.split(' ') as [string, string];
    paths[path] = { ...paths[path], [method.toLowerCase()]: operationOf(method, path, operation, schemas) };
  }
  for (const name of BESIDES) schemas.refTo(name);
  const description =
    'Everything that the dashboard does. Send `Authorization: Bearer TOKEN`, or the cookie of a session. ' +
    'What is no GET needs `X-Weir-Request: 1` and `Content-Type: application/json`, from a browser with an Origin that is this server.';
  const document = {
    openapi: '3.1.0',
    info: { title: 'Weir dashboard', version: '1', description },
    security: [{ token: [] }, { session: [] }],
    paths,
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        session: { type: 'apiKey', in: 'cookie', name: 'weir-8090' },
      },
      schemas: schemas.all(),
    },
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function operationOf(method: string, path: string, operation: Operation, schemas: Schemas): Schema {
  const { summary, query = {}, request, reply, status = 200, more = [] } = operation;
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    ...{ name, in: 'path', required: true, schema: { type: 'string' } },
  }));
  const inQuery = Object.entries(query).map(([name, description]) => ({
    ...{ name, in: 'query', description, schema: { type: 'string' } },
  }));
  const parameters = [...inPath, ...inQuery, ...(method === 'GET' ? [] : [OWN_FIELD])];
  const refusals = [...ALWAYS, ...more].sort((a, b) => a - b);
  const json = (name: string) => ({ 'application/json': { schema: schemas.refTo(name) } });
  const content = reply.includes('/') ? { [reply]: {} } : json(reply);
  return {
    summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(request === undefined ? {} : { requestBody: { content: json(request) } }),
    responses: {
      [status]: { description: MEANINGS[status], content },
      ...Object.fromEntries(
        refusals.map((code) => [code, { description: MEANINGS[code], content: json('ApiError') }]),
      ),
    },
  };
}

const OWN_FIELD = { name: 'X-Weir-Request', in: 'header', required: true, schema: { const: '1' } };

/** JSON schemas of TypeScript types, as far as those are data. */
class Schemas {
  readonly #checker: ts.TypeChecker;
  readonly #exported = new Map<string, ts.Type>();
  readonly #done = new Map<string, Schema>();

  constructor() {
    const program = ts.createProgram([TYPES], {
      ...{ strict: true, noEmit: true, skipLibCheck: true, types: [], lib: ['lib.es2023.d.ts'] },
      ...{ target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext, exactOptionalPropertyTypes: true },
      allowImportingTsExtensions: true,
    });
    this.#checker = program.getTypeChecker();
    const module = this.#checker.getSymbolAtLocation(program.getSourceFile(TYPES)!)!;
    for (const symbol of this.#checker.getExportsOfModule(module)) {
      this.#exported.set(symbol.name, this.#checker.getDeclaredTypeOfSymbol(this.#resolved(symbol)));
    }
  }

  refTo(name: string): Schema {
    if (!this.#done.has(name)) {
      const type = this.#exported.get(name);
      if (type === undefined) throw new Error(`no type ${name} in ${TYPES}`);
      this.#done.set(name, {});
      this.#done.set(name, this.#inline(type));
    }
    return { $ref: `#/components/schemas/${name}` };
  }

  all(): Record<string, Schema> {
    return Object.fromEntries([...this.#done].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  #resolved(symbol: ts.Symbol): ts.Symbol {
    return (symbol.flags & ts.SymbolFlags.Alias) === 0 ? symbol : this.#checker.getAliasedSymbol(symbol);
  }

  /** By reference where the type has a name of its own there. */
  #of(type: ts.Type): Schema {
    const name = type.aliasSymbol?.name ?? type.getSymbol()?.name ?? '';
    return this.#exported.get(name) === type && !isRecord(type) ? this.refTo(name) : this.#inline(type);
  }

  #inline(type: ts.Type): Schema {
    const { flags } = type;
    if ((flags & ts.TypeFlags.Unknown) !== 0 || (flags & ts.TypeFlags.Any) !== 0) return {};
    if (type.isStringLiteral() || type.isNumberLiteral()) return { const: type.value };
    if ((flags & ts.TypeFlags.BooleanLiteral) !== 0)
      return { const: this.#checker.typeToString(type) === 'true' };
    if ((flags & ts.TypeFlags.String) !== 0) return { type: 'string' };
    if ((flags & ts.TypeFlags.Number) !== 0) return { type: 'number' };
    if ((flags & ts.TypeFlags.Boolean) !== 0) return { type: 'boolean' };
    if ((flags & ts.TypeFlags.Null) !== 0) return { type: 'null' };
    if (type.isUnion()) return this.#union(type.types);
    if (this.#checker.isTupleType(type)) {
      const items = this.#checker.getTypeArguments(type as ts.TypeReference).map((item) => this.#of(item));
      return { type: 'array', prefixItems: items, minItems: items.length, maxItems: items.length };
    }
    if (this.#checker.isArrayType(type)) {
      const [item] = this.#checker.getTypeArguments(type as ts.TypeReference);
      return { type: 'array', items: this.#of(item!) };
    }
    return this.#object(type);
  }

  #union(types: readonly ts.Type[]): Schema {
    const defined = types.filter(({ flags }) => (flags & ts.TypeFlags.Undefined) === 0);
    const literals = defined.filter((type) => type.isStringLiteral());
    if (literals.length === defined.length) return { enum: literals.map(({ value }) => value) };
    const isBoolean = ({ flags }: ts.Type): boolean => (flags & ts.TypeFlags.BooleanLiteral) !== 0;
    const others = defined.filter((type) => !isBoolean(type)).map((type) => this.#of(type));
    const both = defined.filter(isBoolean);
    const all = [
      ...(both.length === 2 ? [{ type: 'boolean' }] : both.map((type) => this.#of(type))),
      ...others,
    ];
    return all.length === 1 ? all[0]! : { anyOf: all };
  }

  #object(type: ts.Type): Schema {
    const index = this.#checker.getIndexTypeOfType(type, ts.IndexKind.String);
    const properties: Record<string, Schema> = {};
    const required: string[] = [];
    for (const symbol of this.#checker.getPropertiesOfType(type)) {
      const description = ts.displayPartsToString(symbol.getDocumentationComment(this.#checker));
      const schema = this.#of(this.#checker.getTypeOfSymbol(symbol));
      properties[symbol.name] = description === '' ? schema : { description, ...schema };
      if ((symbol.flags & ts.SymbolFlags.Optional) === 0) required.push(symbol.name);
    }
    return {
      type: 'object',
      ...(Object.keys(properties).length === 0 ? {} : { properties, required }),
      ...(index === undefined ? {} : { additionalProperties: this.#of(index) }),
    };
  }
}

function isRecord(type: ts.Type): boolean {
  return type.aliasSymbol?.name === 'Record';
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync(OPENAPI_FILE, openApiText());
}
