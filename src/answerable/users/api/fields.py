"""What fields of several bodies may hold, for the OpenAPI document."""

from typing import Annotated

from answerable.infra.web.described import says, some_of
from answerable.users.rules import EMAIL_LENGTH, NAME_LENGTH, PASSWORD_LENGTH, ROLES

Name = Annotated[str, says(minLength=NAME_LENGTH[0], maxLength=NAME_LENGTH[1])]
Email = Annotated[str, says(format="email", minLength=3, maxLength=EMAIL_LENGTH)]
FreshPassword = Annotated[str, says(minLength=PASSWORD_LENGTH[0], maxLength=PASSWORD_LENGTH[1])]
Roles = Annotated[list[str], some_of(ROLES)]
