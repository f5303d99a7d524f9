SELECT name_given_names, name_first_surname, name_second_surname, do_not_contact
   FROM people ORDER BY id