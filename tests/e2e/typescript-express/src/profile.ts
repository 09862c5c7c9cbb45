export interface Profile {
  version: number;
  name: string;
  plan: string;
}

// The fault: version 1 had no profile without a name, version 2 has (`"name": null` until the customer says one).
export function parseProfile(payload: Profile): Profile {
  return {
    version: payload.version,
    name: payload.name.trim(),
    plan: payload.plan ?? 'free',
  };
}
