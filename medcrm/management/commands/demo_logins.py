from django.core.management.base import BaseCommand

from medcrm import demo_logins


class Command(BaseCommand):
    help = "Make the demo's logins and print one for each role."

    def handle(self, **options: object) -> None:
        logins = demo_logins.make()
        self.stdout.write(f"Password of every demo login: {demo_logins.key()}\n")
        for login in logins:
            self.stdout.write(f"  {login.username:<15} {login.role}: {login.purpose}")
