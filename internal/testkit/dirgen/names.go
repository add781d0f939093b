package dirgen

// The words the people are made of. Only their variety matters: several
// scripts, accents in both places, a space and an apostrophe.
var (
	givenNames = []string{
		"Alessandra", "Giulia", "Marco", "Luca", "Niccolò", "Chiara", "Francesco", "Sofia",
		"Ольга", "Дмитрий", "Анна", "Сергей", "Екатерина", "Zoë", "José", "Renée", "Jürgen",
		"Åsa", "Søren", "Siobhán", "Łukasz", "Marta", "Priya", "Arjun", "Wei", "Mei Ling",
		"Yuki", "Haruto", "Fatima", "Omar", "Grace", "Emma", "Oliver", "Noah", "Amelia",
	}
	familyNames = []string{
		"Rossi", "Bianchi", "Esposito", "D'Amico", "De Luca", "Conti", "Иванова", "Смирнов",
		"Кузнецов", "Müller", "Schäfer", "Nguyễn", "García", "Núñez", "O'Brien", "Ó Súilleabháin",
		"Kowalski", "Wójcik", "Andersson", "Østergaard", "Patel", "Sharma", "Chen", "Wang",
		"Tanaka", "Suzuki", "Haddad", "Okafor", "Smith", "Jones", "Taylor", "van der Berg",
	}
	titles = []string{
		"Engineer", "Senior Engineer", "Accountant", "Nurse", "Teacher", "Contractor",
		"Sales Manager", "Technician", "Support Agent", "Head of Department", "Analyst", "Intern",
	}
	departments = []string{"Sales", "Research", "Support", "Finance", "Legal", "Production", "Logistics", "IT"}
	languages   = []string{"it", "en", "ru", "de", "fr", "en-GB"}
)
