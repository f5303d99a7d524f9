SELECT p.name_given_names, count(ph.value) FROM people p LEFT JOIN people_phones ph
   ON ph.person_id = p.id GROUP BY p.id ORDER BY p.id