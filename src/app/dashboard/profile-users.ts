// Who names a profile in a configuration: services of the gateway, their rules, and profiles that build on it.

export interface ProfileUser {
  /** e.g. `gateway.services.sandblast.rules[0].profile`. */
  readonly key: string;
  /** As a person calls it: `/sandblast`, or `profile office`. */
  readonly name: string;
}

/** @param raw  the configuration as it was written; what is not as it should be names nothing */
export function usersOfProfile(raw: unknown, profile: string): ProfileUser[] {
  const services = entriesOf(at(at(raw, 'gateway'), 'services')).flatMap(([service, settings]) => {
    const path = `gateway.services.${service}`;
    const name = `/${service}`;
    const rules = at(settings, 'rules');
    const byRules = (Array.isArray(rules) ? rules : []).flatMap((rule, index) =>
      at(rule, 'profile') === profile ? [{ key: `${path}.rules[${index}].profile`, name }] : [],
    );
    return at(settings, 'profile') === profile ? [{ key: `${path}.profile`, name }, ...byRules] : byRules;
  });
  const bases = entriesOf(at(raw, 'profiles')).flatMap(([name, settings]) =>
    at(settings, 'base') === profile && name !== profile
      ? [{ key: `profiles.${name}.base`, name: `profile ${name}` }]
      : [],
  );
  return [...services, ...bases];
}

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
}

function at(value: unknown, key: string): unknown {
  return entriesOf(value).find(([name]) => name === key)?.[1];
}
