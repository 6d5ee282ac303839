"""People in free text: names, e-mail addresses, phone numbers and companies, each with the words it came from."""
