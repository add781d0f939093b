package upload

import (
	"slices"
	"strings"
	"unicode"

	"github.com/usherd/usher/internal/registry"
)

// The fields of a person that are no attributes.
const (
	FieldKind          = "kind"
	FieldContract      = "contract"
	FieldGroups        = "groups"
	FieldSupportGroups = "supportGroups"
	// FieldRights is for columns that would give rights, to refuse the rows that
	// try: a right is given to one person by name, not by a list.
	FieldRights = "rights"
)

// Field is what a column of a file may mean.
type Field struct {
	// Name is the name in settings and flags.
	Name string
	// Multi is true where a cell may hold several values, and several columns may
	// mean the field.
	Multi bool
	// Heads are what columns are called, in English, Italian and Russian; the
	// first of each is the one that templates use.
	Heads map[string][]string
	// Template is true for the fields of the template.
	Template bool
}

// Locales are the languages of templates.
func Locales() []string { return []string{"en", "it", "ru"} }

// head makes the table below readable: the names in each language, with commas.
func head(en, it, ru string) map[string][]string {
	out := map[string][]string{}
	for lang, list := range map[string]string{"en": en, "it": it, "ru": ru} {
		for name := range strings.SplitSeq(list, ",") {
			if name = strings.TrimSpace(name); name != "" {
				out[lang] = append(out[lang], name)
			}
		}
	}
	return out
}

// Fields lists the fields in the order of templates.
//
//nolint:funlen,misspell // a table, in three languages
func Fields() []Field {
	return []Field{
		{Name: registry.AttrUserName, Template: true, Heads: head(
			"User name, Username, Login, Login name, Logon name, User ID, User, Account, sAMAccountName, UPN, User principal name, uid",
			"Nome utente, Utente, Login, Nome di accesso, Account, Username",
			"Имя пользователя, Логин, Учетная запись, Логин пользователя, Аккаунт")},
		{Name: registry.AttrGivenName, Template: true, Heads: head(
			"First name, Given name, Forename, First", "Nome, Nome di battesimo", "Имя")},
		{Name: registry.AttrMiddleName, Heads: head("Middle name", "Secondo nome", "Отчество")},
		{Name: registry.AttrFamilyName, Template: true, Heads: head(
			"Last name, Family name, Surname, Last, sn", "Cognome", "Фамилия")},
		{Name: registry.AttrDisplayName, Template: true, Heads: head(
			"Display name, Full name, Name, Common name, cn, Employee, Employee name",
			"Nome visualizzato, Nome completo, Nome e cognome, Cognome e nome, Nominativo, Dipendente",
			"Отображаемое имя, ФИО, Полное имя, Ф.И.О., Фамилия Имя Отчество, Сотрудник")},
		{Name: registry.AttrEmails, Multi: true, Template: true, Heads: head(
			"E-mail, Email, Mail, E-mail address, Mail address, Work email, Business email, Primary email, Emails, Other email",
			"E-mail, Posta elettronica, Indirizzo e-mail, Indirizzo di posta elettronica, Indirizzo email, Posta, Email aziendale",
			"E-mail, Электронная почта, Почта, Эл. почта, Адрес электронной почты, Эл. адрес, Имейл, Мейл, Рабочая почта")},
		{Name: registry.AttrPhone, Template: true, Heads: head(
			"Phone, Telephone, Phone number, Telephone number, Work phone, Business phone, Office phone, Tel",
			"Telefono, Tel, Numero di telefono, Telefono ufficio, Telefono fisso, Tel. ufficio",
			"Телефон, Тел, Номер телефона, Рабочий телефон, Телефон рабочий, Городской телефон")},
		{Name: registry.AttrMobile, Template: true, Heads: head(
			"Mobile, Mobile phone, Cell, Cell phone, Cellphone, Mobile number",
			"Cellulare, Telefono cellulare, Cell, Numero di cellulare, Mobile",
			"Мобильный телефон, Мобильный, Сотовый, Моб. телефон, Сотовый телефон, Моб")},
		{Name: registry.AttrLocale, Template: true, Heads: head("Language, Locale, Preferred language", "Lingua, Lingua preferita", "Язык")},
		{Name: registry.AttrEmployeeNumber, Template: true, Heads: head(
			"Employee number, Employee ID, Employee no, Staff number, Staff ID, Personnel number, Payroll number",
			"Matricola, Numero di matricola, Numero matricola, N. matricola, Codice dipendente, Matricola dipendente",
			"Табельный номер, Таб. номер, Табельный №, Таб. №, Номер сотрудника")},
		{Name: FieldKind, Template: true, Heads: head(
			"Kind, Kind of user, User kind, Type of user, User role", "Tipo, Tipo di utente, Tipo utente", "Тип, Тип пользователя, Вид пользователя")},
		{Name: registry.AttrDepartment, Template: true, Heads: head(
			"Department, Dept, Team", "Reparto, Dipartimento, Ufficio, Settore, Area", "Отдел, Подразделение, Департамент")},
		{Name: FieldContract, Template: true, Heads: head(
			"Contract, Contract number, Service contract, Service contract number, Contract no",
			"Contratto, Numero di contratto, Numero contratto, Contratto di assistenza, N. contratto",
			"Договор, Номер договора, Контракт, Номер контракта, Договор обслуживания, № договора")},
		{Name: FieldGroups, Multi: true, Template: true, Heads: head("Groups, Group, Group membership", "Gruppi, Gruppo", "Группы, Группа")},
		{Name: FieldSupportGroups, Multi: true, Template: true, Heads: head(
			"Support groups, Support group", "Gruppi di assistenza, Gruppo di assistenza, Gruppo di supporto, Gruppi di supporto",
			"Группы поддержки, Группа поддержки")},
		{Name: registry.AttrTitle, Template: true, Heads: head("Job title, Title, Position", "Qualifica, Mansione, Posizione, Titolo", "Должность")},
		{Name: registry.AttrNickName, Heads: head("Nickname", "Soprannome", "Псевдоним")},
		{Name: registry.AttrUserType, Heads: head("Employee type, Employment", "Tipo di rapporto", "Тип занятости")},
		{Name: registry.AttrTimezone, Heads: head("Time zone", "Fuso orario", "Часовой пояс")},
		{Name: registry.AttrOrganization, Heads: head("Organization, Organisation, Company, Company name, Employer", "Organizzazione, Azienda, Società, Ditta", "Организация, Компания, Фирма")},
		{Name: registry.AttrDivision, Heads: head("Division, Business unit", "Divisione", "Дивизион, Управление")},
		{Name: registry.AttrCostCenter, Heads: head("Cost center, Cost centre", "Centro di costo", "Центр затрат, МВЗ, ЦФО")},
		{Name: FieldRights, Heads: head(
			"Rights, Admin, Administrator, Is admin, Company admin, Admin rights, Permissions, Privileges",
			"Diritti, Amministratore, Permessi, Privilegi", "Права, Администратор, Админ, Полномочия")},
	}
}

// LookupField finds a field by its name, ignoring case.
func LookupField(name string) (Field, bool) {
	for _, f := range Fields() {
		if strings.EqualFold(f.Name, strings.TrimSpace(name)) {
			return f, true
		}
	}
	return Field{}, false
}

// headKey is the form in which column names are compared: letters and digits of
// the folded name. "E-Mail *", "e_mail" and "Email" are one.
func headKey(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == 'ё':
			return 'е'
		case r == '№', unicode.IsLetter(r), unicode.IsDigit(r), unicode.Is(unicode.Mn, r):
			return r
		}
		return -1
	}, registry.Key(s))
}

// heads are all names of columns, by their key.
func heads() map[string]string {
	out := map[string]string{}
	for _, f := range Fields() {
		out[headKey(f.Name)] = f.Name
		for _, lang := range Locales() {
			for _, name := range f.Heads[lang] {
				if key := headKey(name); out[key] == "" {
					out[key] = f.Name
				}
			}
		}
	}
	return out
}

// kinds are the words for the kinds of people, by their key.
func kinds() map[string]registry.Kind {
	out := map[string]registry.Kind{}
	for kind, words := range map[registry.Kind][]string{
		registry.EndUser:      {"end_user", "end user", "user", "utente", "utente finale", "cliente", "пользователь", "конечный пользователь", "клиент"},
		registry.SupportStaff: {"support_staff", "support staff", "support", "staff", "agent", "assistenza", "supporto", "operatore", "поддержка", "сотрудник поддержки", "оператор", "специалист"},
	} {
		for _, w := range words {
			out[headKey(w)] = kind
		}
	}
	return out
}

// nobodysRight reports whether a cell of a column of rights gives none.
func nobodysRight(cell string) bool {
	return slices.Contains([]string{"", "no", "n", "false", "0", "none", "user", "ложь", "falso", "нет", "н", "nessuno", "utente", "пользователь"}, headKey(cell))
}
