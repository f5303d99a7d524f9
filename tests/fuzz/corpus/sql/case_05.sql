SELECT id, scope, state_key, municipality_key, created_by, created_at, updated_by, updated_at
   FROM people WHERE folio = 'OAX-1'