"""What is wrong with rows of a roster that are well-formed: whom and what they name."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import text

from app.db.statement import Read
from app.db.transaction import Tx
from app.integrations.roster.files import Fault
from app.integrations.roster.staging import Staged
from app.people.errors import PersonErased, PersonExternalIdTaken, PersonMerged

#: A field, the code and the message of a fault, and the statement that finds the lines with it.
Check = tuple[str | None, str, str, Read]
PEOPLE: Final[tuple[Check, ...]] = (
    (
        "external_id",
        "repeated_external_id",
        "An earlier row has the same external id",
        Read(
            text(
                """
                select line from (select line, row_number() over (partition by external_id order by line) as place
                from staged_people where import_id = :import_id) numbered where place > 1
                limit 10000
                """
            )
        ),
    ),
    (
        "external_id",
        "repeated_person",
        "An earlier row is the same person: their records were merged",
        Read(
            text(
                """
                select line from (
                    select line, row_number() over (partition by person_id order by line) as place,
                           row_number() over (partition by external_id order by line) as same_id
                    from staged_people where import_id = :import_id
                ) numbered where place > 1 and same_id = 1
                limit 10000
                """
            )
        ),
    ),
    (
        "external_id",
        "overtaken",
        "The person was changed at the same time; import the file again",
        Read(
            text(
                """
                select s.line from staged_people s
                    left join person_external_ids x
                        on x.tenant_id = :tenant_id and x.source = :source and x.external_id = s.external_id
                where s.import_id = :import_id and case when s.is_new then x.person_id is not null
                                                else x.person_id is distinct from s.person_id end
                limit 10000
                """
            )
        ),
    ),
    (
        "external_id",
        PersonExternalIdTaken.code,
        "A person outside the organizations of this import has this external id",
        Read(
            text(
                """
                select s.line from staged_people s join people p on p.tenant_id = :tenant_id and p.id = s.person_id
                    join organization_places o on o.tenant_id = :tenant_id and o.organization_id = p.organization_id
                where s.import_id = :import_id and not s.is_new and (o.path < :path or o.path >= :after_path)
                limit 10000
                """
            )
        ),
    ),
    (
        "external_id",
        PersonMerged.code,
        PersonMerged.title,
        Read(
            text(
                """
                select s.line from staged_people s join people p on p.tenant_id = :tenant_id and p.id = s.person_id
                where s.import_id = :import_id and p.merged_into_id is not null
                limit 10000
                """
            )
        ),
    ),
    (
        "external_id",
        PersonErased.code,
        PersonErased.title,
        Read(
            text(
                """
                select s.line from staged_people s join people p on p.tenant_id = :tenant_id and p.id = s.person_id
                where s.import_id = :import_id and p.erased_at is not null
                limit 10000
                """
            )
        ),
    ),
    (
        "organization",
        "unknown_organization",
        "No organization has this external id or name",
        Read(
            text(
                """
                select line from staged_people
                where import_id = :import_id and organization_id is null and coalesce(matches, 0) < 2
                limit 10000
                """
            )
        ),
    ),
    (
        "organization",
        "ambiguous_organization",
        "Several organizations have this name; use an external id",
        Read(
            text(
                "select line from staged_people "
                "where import_id = :import_id and organization_id is null and matches > 1 limit 10000"
            )
        ),
    ),
    (
        "organization",
        "organization_archived",
        "The organization, or one above it, is archived and takes nobody new",
        Read(
            text(
                """
                select s.line from staged_people s
                join organization_places o on o.tenant_id = :tenant_id and o.organization_id = s.organization_id
                left join people p on p.tenant_id = :tenant_id and p.id = s.person_id
                where s.import_id = :import_id and o.archived_by_id is not null
                  and p.organization_id is distinct from s.organization_id
                limit 10000
                """
            )
        ),
    ),
    (
        "manager",
        "unknown_manager",
        "Nobody in the file or of this source has this external id",
        Read(
            text(
                """
                select s.line from staged_people s
                    left join people p on p.tenant_id = :tenant_id and p.id = s.manager_id
                    left join organization_places o
                        on o.tenant_id = :tenant_id and o.organization_id = p.organization_id
                where s.import_id = :import_id and s.manager is not null
                  and (s.manager_id is null or o.path < :path or o.path >= :after_path or p.merged_into_id is not null)
                limit 10000
                """
            )
        ),
    ),
)
#: Rows that seem to be one person under two ids. An import that is forced believes them.
DUPLICATES: Final[tuple[Check, ...]] = (
    (
        "external_id",
        "duplicate_person",
        "An earlier row has the same name, and the same e-mail or employee number",
        Read(
            text(
                """
                select line from (
                    select line, external_id,
                           case when email is not null then first_value(external_id)
                               over (partition by name_key, lower(email) order by line) end as same_email,
                           case when employee_number is not null then first_value(external_id)
                               over (partition by name_key, employee_number order by line) end as same_number
                    from staged_people where import_id = :import_id and line > 0 and name_key is not null
                ) earlier where external_id <> same_email or external_id <> same_number
                limit 10000
                """
            )
        ),
    ),
)


async def find_faults(tx: Tx, staged: Staged, checks: Sequence[Check], **parameters: Any) -> list[Fault]:
    """Return the faults of staged rows, kind by kind.

    Args:
        parameters: those that statements need besides the ones of `Staged.fetch`.
    """
    return [
        Fault(row["line"], field, code, message)
        for field, code, message, query in checks
        for row in await staged.fetch(tx, query, **parameters)
    ]
