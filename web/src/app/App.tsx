import { lazy, Suspense } from 'react';
import { Route, Routes } from 'react-router';
import { Fleet } from '../fleet/Fleet';
import { SignIn } from '../session/SignIn';
import { useSession } from '../session/session';
import { Broken } from './Broken';
import { Loading } from './Loading';
import { NotFound } from './NotFound';
import { Shell } from './Shell';

// What only some visits need is loaded by them.
const ClusterPage = lazy(() => import('../cluster/ClusterPage').then((module) => ({ default: module.ClusterPage })));

const RegisterPage = lazy(() => import('../register/RegisterPage').then((module) => ({ default: module.RegisterPage })));

/** The page: whoever is not signed in sees nothing but the way in. */
export function App() {
  const session = useSession();
  if (session.state === 'unknown') return <Loading />;
  if (session.state === 'out') return <SignIn />;
  return (
    <Shell user={session.user}>
      <Broken>
        <Suspense fallback={<Loading />}>
          <Routes>
            <Route index element={<Fleet user={session.user} />} />
            <Route path="clusters/:namespace/:name/*" element={<ClusterPage />} />
            <Route path="register" element={<RegisterPage />} />
            <Route path="register/:namespace/:name" element={<RegisterPage />} />
            <Route path="*" element={<NotFound />} />
          </Routes>
        </Suspense>
      </Broken>
    </Shell>
  );
}
